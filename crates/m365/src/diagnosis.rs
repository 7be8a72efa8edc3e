//! What an error of Microsoft's means, and who must do what about it.
//!
//! One table, in files by family. It never guesses: an answer that it doesn't know is passed on whole, and
//! where Microsoft doesn't say which of several faults it is, the advice is an order in which to look.
//! Nothing is decided by it: whether to wait, to retry or to drop a grant is [`Failure`]'s to say.

mod entra;
mod graph;
mod local;
mod network;
mod paste;
mod smtp;
#[cfg(test)]
mod tests;
mod words;

use serde::Serialize;

use crate::account::{Account, Credential, SignIn, Transport};
use crate::failure::Failure;
use words::{Words, fill};

/// What to tell an administrator about a failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// Short and stable: `AADSTS700027`, `ErrorSendAsDenied`, `535 5.7.139`, `dns`, `certificate_expired`.
    pub code: String,
    /// What was said, whole: Microsoft's own words, or what happened.
    pub says: String,
    /// What that means.
    pub cause: String,
    /// What to do, with the path in the portal or the command.
    pub fix: String,
    /// Whether it may pass by itself.
    pub temporary: bool,
    /// Who has to do it.
    pub turn: Turn,
}

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Turn {
    /// Who administers the Microsoft 365 tenant: Entra ID, Exchange, licences.
    TenantAdministrator,
    /// Who administers Postern and the machine it runs on.
    PosternAdministrator,
    /// Who made the message: the device or program that sends it.
    Sender,
    /// Nobody: it passes.
    Wait,
}

/// The administrator's own values, for the texts. What isn't known stays a named gap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Application (client) ID.
    pub client_id: Option<String>,
    /// Directory (tenant) ID or domain.
    pub tenant: Option<String>,
    /// Of the account's certificate, as the portal shows it: upper-case hex.
    pub thumbprint_sha1: Option<String>,
    /// The redirect URI that was, or will be, sent.
    pub redirect_uri: Option<String>,
    /// The mailbox that mail goes out of.
    pub mailbox: Option<String>,
    /// The From address.
    pub from: Option<String>,
    /// The permission that the settings need, as the portal calls it: `Mail.Send (Delegated)`.
    pub permission: Option<String>,
    /// Host of the administrators' portal: `portal.azure.com`.
    pub portal: Option<String>,
    /// How the account signs in; chooses between the advice for the one and for the other.
    pub sign_in: Option<SignIn>,
}

/// Explains a failure with the table's words, filled with the administrator's values.
pub fn explain(failure: &Failure, facts: &Facts) -> Advice {
    let target = match failure {
        Failure::Network(trouble) => trouble.target.as_str(),
        _ => "",
    };
    let advice = |turn, cause: String, fix: String| Advice {
        code: failure.code(),
        says: whole_text(failure),
        cause,
        fix,
        temporary: failure.is_temporary(),
        turn,
    };
    match (look_up(failure, facts.sign_in), failure) {
        (Some(words), _) => {
            advice(words.turn, fill(words.cause, facts, target), fill(words.fix, facts, target))
        }
        (None, Failure::Local(trouble)) => {
            advice(local::turn(trouble), trouble.message.clone(), trouble.hint.clone())
        }
        (None, _) => advice(unknown_turn(failure), UNKNOWN_CAUSE.to_owned(), unknown_fix(failure)),
    }
}

/// Explains a text that somebody pasted: a log line, the text of an error page, a JSON answer, a number.
/// `None` where nothing in it is known.
pub fn find(text: &str, facts: &Facts) -> Option<Advice> {
    paste::read(text).map(|failure| explain(&failure, facts))
}

impl Facts {
    /// The values of an account; the redirect URI is the caller's to add.
    pub fn of_account(account: &Account) -> Facts {
        let sender = account.sender().map(ToString::to_string);
        let mailbox = match account.sign_in {
            SignIn::Delegated => account.mailbox.as_ref().map(ToString::to_string).or(sender.clone()),
            SignIn::Application => sender.clone(),
        };
        Facts {
            client_id: Some(account.client_id.to_string()),
            tenant: Some(account.tenant.to_string()),
            thumbprint_sha1: thumbprint_of(&account.credential),
            redirect_uri: None,
            mailbox,
            from: sender,
            permission: Some(needed_permission(account.sign_in, account.transport).to_owned()),
            portal: account.cloud.portal.as_ref().and_then(|portal| portal.host_str()).map(str::to_owned),
            sign_in: Some(account.sign_in),
        }
    }
}

/// The permission that an account needs, as the portal calls it (product.md §3, console.md).
pub fn needed_permission(sign_in: SignIn, transport: Transport) -> &'static str {
    match (sign_in, transport) {
        (SignIn::Delegated, Transport::Graph) => "Mail.Send (Delegated)",
        (SignIn::Application, Transport::Graph) => "Mail.Send (Application)",
        (SignIn::Delegated, Transport::Smtp) => "SMTP.Send (Delegated)",
        (SignIn::Application, Transport::Smtp) => "SMTP.SendAsApp (Application, Office 365 Exchange Online)",
    }
}

fn look_up(failure: &Failure, sign_in: Option<SignIn>) -> Option<&'static Words> {
    match failure {
        Failure::Entra(refusal) => entra::look_up(refusal),
        Failure::Graph(refusal) => graph::look_up(refusal, sign_in),
        Failure::Smtp(refusal) => smtp::look_up(refusal, sign_in),
        Failure::Network(trouble) => Some(network::look_up(trouble)),
        Failure::Local(_) => None,
    }
}

fn whole_text(failure: &Failure) -> String {
    match failure {
        Failure::Smtp(refusal) => match &refusal.challenge {
            Some(challenge) => format!("{failure} ({challenge})"),
            None => failure.to_string(),
        },
        _ => failure.to_string(),
    }
}

const UNKNOWN_CAUSE: &str = "Postern doesn't know this answer. Microsoft's own words are all there is.";

fn unknown_turn(failure: &Failure) -> Turn {
    match failure.is_temporary() {
        true => Turn::Wait,
        false => Turn::PosternAdministrator,
    }
}

fn unknown_fix(failure: &Failure) -> String {
    let page = match failure {
        Failure::Entra(refusal) => refusal.aadsts(),
        _ => None,
    };
    let look = match page {
        Some(number) => format!("Look it up at https://login.microsoftonline.com/error?code={number}."),
        None => "Search Microsoft's documentation for the code and the words above.".to_owned(),
    };
    match failure.request_id() {
        Some(id) => format!("{look} Microsoft's support will ask for this id: {id}."),
        None => look,
    }
}

fn thumbprint_of(credential: &Credential) -> Option<String> {
    match credential {
        Credential::Certificate(certificate) => {
            let details = certs::CertificateDetails::from_der(&certificate.leaf_der).ok()?;
            Some(details.thumbprint_sha1)
        }
        Credential::Secret(_) => None,
    }
}
