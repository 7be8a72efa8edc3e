//! The words of one piece of advice, and how the administrator's own values get into them.

use super::{Facts, Turn};

/// What a row of the table says. Texts may hold placeholders: see [`fill`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Words {
    /// Who has to do something.
    pub(super) turn: Turn,
    /// What is the matter, in plain words.
    pub(super) cause: &'static str,
    /// What to do, with the path in the portal or the command.
    pub(super) fix: &'static str,
}

/// Shorthand for the tables.
pub(super) const fn words(turn: Turn, cause: &'static str, fix: &'static str) -> Words {
    Words { turn, cause, fix }
}

/// Puts the administrator's own values where the table has placeholders. What isn't known is named in angle
/// brackets, as in Microsoft's own documentation.
pub(super) fn fill(text: &str, facts: &Facts, target: &str) -> String {
    let portal = facts.portal.as_deref().unwrap_or("portal.azure.com");
    let client_id = facts.client_id.as_deref().unwrap_or("<client ID>");
    let app = format!("{portal} > Microsoft Entra ID > App registrations > {client_id}");
    let enterprise = format!("{portal} > Microsoft Entra ID > Enterprise applications > {client_id}");
    // Which of their hosts another cloud has isn't known here.
    let is_worldwide = portal == "portal.azure.com";
    let admin = if is_worldwide { "admin.microsoft.com" } else { "the Microsoft 365 admin center" };
    let defender = if is_worldwide { "security.microsoft.com" } else { "the Microsoft Defender portal" };
    let values = [
        ("{admin}", admin),
        ("{defender}", defender),
        ("{app}", app.as_str()),
        ("{enterprise_app}", enterprise.as_str()),
        ("{client_id}", client_id),
        ("{portal}", portal),
        ("{tenant}", facts.tenant.as_deref().unwrap_or("<tenant ID>")),
        ("{thumbprint}", facts.thumbprint_sha1.as_deref().unwrap_or("<thumbprint>")),
        ("{redirect_uri}", facts.redirect_uri.as_deref().unwrap_or("<redirect URI>")),
        ("{mailbox}", facts.mailbox.as_deref().unwrap_or("<mailbox>")),
        ("{principal}", facts.principal_id.as_deref().unwrap_or("<Object ID>")),
        ("{from}", facts.from.as_deref().unwrap_or("<From address>")),
        (
            "{permission}",
            facts.permission.as_deref().unwrap_or("Mail.Send or SMTP.Send, as the settings need"),
        ),
        ("{provider}", facts.provider.as_deref().unwrap_or("the provider")),
        ("{target}", if target.is_empty() { "the server" } else { target }),
    ];
    replace_once(text, &values)
}

/// Goes through the text once: a value that happens to look like a placeholder is left alone.
fn replace_once(text: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(text.len() + 64);
    let mut rest = text;
    while let Some(begin) = rest.find('{') {
        filled.push_str(&rest[..begin]);
        rest = &rest[begin..];
        let known = values.iter().find(|(name, _)| rest.starts_with(name));
        let (value, length) = known.map_or(("{", 1), |(name, value)| (*value, name.len()));
        filled.push_str(value);
        rest = &rest[length..];
    }
    filled + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_put_in_and_missing_ones_are_named() {
        let facts = Facts {
            client_id: Some("{tenant}".to_owned()),
            mailbox: Some("relay@contoso.com".to_owned()),
            ..Facts::default()
        };
        assert_eq!(
            fill("{app} and {mailbox} in {tenant}, {x}", &facts, ""),
            "portal.azure.com > Microsoft Entra ID > App registrations > {tenant} and relay@contoso.com in \
             <tenant ID>, {x}"
        );
    }
}
