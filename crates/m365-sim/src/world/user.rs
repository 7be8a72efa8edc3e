//! A person or a shared mailbox of the tenant.
//! Mail and tokens aren't here; a user says only what the directory and Exchange know of him.

use super::{License, WorldError, laid_over};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

/// A user object with its mailbox.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct User {
    /// User principal name: what is typed at sign-in.
    pub upn: String,
    /// Object id.
    pub id: Uuid,
    /// Display name.
    pub name: String,
    /// Password.
    pub password: String,
    /// Primary mail address; null: the sign-in name is it.
    pub mail: Option<String>,
    /// Whether there is a mailbox. Follows the licences when those change, until it is given itself.
    pub mailbox: bool,
    /// A shared mailbox: works without a licence.
    pub shared: bool,
    /// Licences by SKU part number, e.g. `STANDARDPACK`.
    pub licenses: Vec<License>,
    /// Authenticated SMTP of the mailbox: on, off, or null: what the organisation has.
    pub smtp_auth: Option<bool>,
    /// Multi-factor authentication is required.
    pub mfa: bool,
    /// The account may sign in.
    pub enabled: bool,
    /// An administrator (of consent, too). In a world without any, everyone counts as one.
    pub admin: bool,
    /// Addresses in whose name this user may send and whose mailboxes he has Full Access to.
    pub send_as: Vec<String>,
    /// Grants from before are revoked (AADSTS50173). A new password by the control port sets it.
    #[serde(with = "time::serde::rfc3339::option")]
    pub tokens_valid_from: Option<OffsetDateTime>,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").field("upn", &self.upn).field("id", &self.id).finish_non_exhaustive()
    }
}

impl Default for User {
    fn default() -> Self {
        Self {
            upn: String::new(),
            id: Uuid::new_v4(),
            name: String::new(),
            password: String::new(),
            mail: None,
            mailbox: true,
            shared: false,
            licenses: vec![License::try_from("STANDARDPACK".to_owned()).expect("the catalogue has E1")],
            smtp_auth: None,
            mfa: false,
            enabled: true,
            admin: false,
            send_as: Vec::new(),
            tokens_valid_from: None,
        }
    }
}

impl User {
    /// A user who lacks nothing: licence, mailbox, Authenticated SMTP on, no MFA.
    pub fn new(upn: &str, name: &str, password: &str) -> Self {
        Self {
            upn: upn.to_owned(),
            name: name.to_owned(),
            password: password.to_owned(),
            mail: Some(upn.to_owned()),
            smtp_auth: Some(true),
            ..Self::default()
        }
    }

    /// The user that results from laying `change` over `known` (or over a new one).
    ///
    /// # Errors
    /// [`WorldError`] names the field.
    pub fn from_change(known: Option<&Self>, change: &Value) -> Result<Self, WorldError> {
        let mut user: Self = laid_over(&known.cloned().unwrap_or_default(), change, "a user")?;
        for (name, address) in [("upn", Some(&user.upn)), ("mail", user.mail.as_ref())] {
            if let Some(address) = address.filter(|address| !is_address(address)) {
                return Err(WorldError::Value(format!("a user: {name}: '{address}' must be name@domain")));
            }
        }
        if user.name.is_empty() {
            user.name = user.upn.split('@').next().unwrap_or_default().to_owned();
        }
        if change.get("licenses").is_some() && change.get("mailbox").is_none() {
            user.mailbox = user.shared || user.licenses.iter().any(|license| license.has_mailbox());
        }
        Ok(user)
    }

    /// The primary address.
    pub fn address(&self) -> &str {
        self.mail.as_deref().unwrap_or(&self.upn)
    }

    /// Whether mail can be sent and received.
    pub fn has_mailbox(&self) -> bool {
        self.mailbox
    }

    /// Whether this text names the user: object id, sign-in name or address.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.owns(name) || self.id.to_string().eq_ignore_ascii_case(name)
    }

    /// Whether this is an address of the user.
    pub(crate) fn owns(&self, address: &str) -> bool {
        self.upn.eq_ignore_ascii_case(address) || self.address().eq_ignore_ascii_case(address)
    }

    /// Whether the user may send in the name of this address.
    pub(crate) fn may_send_as(&self, address: &str) -> bool {
        self.owns(address) || self.has_rights_on(address)
    }

    /// Whether the user was given rights on another mailbox.
    pub(crate) fn has_rights_on(&self, address: &str) -> bool {
        self.send_as.iter().any(|other| other.eq_ignore_ascii_case(address))
    }
}

fn is_address(text: &str) -> bool {
    text.split_once('@').is_some_and(|(name, domain)| !name.is_empty() && !domain.is_empty())
        && !text.chars().any(|c| c.is_control() || c.is_whitespace())
}
