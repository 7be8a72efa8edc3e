//! What a pasted text itself says of the values that the advice needs: Microsoft's sentences name the
//! application, the thumbprint, the redirect URI. Only where the form fits is a value believed.

use std::str::FromStr;

use mail::Address;
use url::Url;
use uuid::Uuid;

use super::Facts;

/// The facts, with what they leave open taken from the text.
pub(super) fn complete(facts: &Facts, text: &str) -> Facts {
    let mut facts = facts.clone();
    let fill = |place: &mut Option<String>, found: Option<String>| {
        if place.is_none() {
            *place = found;
        }
    };
    fill(&mut facts.client_id, after(text, &CLIENT_ID, |value| Uuid::from_str(value).is_ok()));
    fill(&mut facts.tenant, after(text, &TENANT, is_tenant));
    fill(&mut facts.thumbprint_sha1, after(text, &THUMBPRINT, is_thumbprint));
    fill(&mut facts.redirect_uri, named_redirect(text));
    fill(&mut facts.mailbox, after(text, &MAILBOX, is_address));
    fill(&mut facts.from, after(text, &FROM, is_address));
    facts
}

/// The facts, with what Microsoft's words name in them: a message can have another From than its account, and a sign-in
/// another redirect URI than the one that comes first in the settings.
pub(super) fn with_named(facts: &Facts, text: &str) -> Facts {
    let from = after(text, &FROM, is_address).or_else(|| facts.from.clone());
    let redirect_uri = named_redirect(text).or_else(|| facts.redirect_uri.clone());
    Facts { from, redirect_uri, ..facts.clone() }
}

fn named_redirect(text: &str) -> Option<String> {
    after(text, &REDIRECT_URI, |value| Url::from_str(value).is_ok())
}

/// What stands before the value (facts 2.4, 6.6; additions E).
const CLIENT_ID: [&str; 8] = [
    "configured keys for app Id '",
    "the application '",
    "The client application ",
    "Application '",
    "Application with identifier '",
    "use the application with ID '",
    "added to app '",
    "keys for app '",
];
const TENANT: [&str; 3] = ["Tenant '", "Specified tenant identifier '", "service principal in the tenant "];
const THUMBPRINT: [&str; 1] = ["Thumbprint of key used by client: '"];
const REDIRECT_URI: [&str; 2] = ["The redirect URI '", "The reply address '"];
const MAILBOX: [&str; 3] = ["SendAsDenied; ", "The requested user '", "Resource '"];
const FROM: [&str; 1] = ["not allowed to send as "];

/// The value behind the first of the sentences that has one of the right form.
fn after(text: &str, sentences: &[&str], fits: impl Fn(&str) -> bool) -> Option<String> {
    sentences.iter().find_map(|sentence| {
        let (_, rest) = text.split_once(sentence)?;
        let end = rest.find(|c: char| c.is_whitespace() || "'\";,".contains(c)).unwrap_or(rest.len());
        let value = rest[..end].trim_end_matches('.');
        // Some readers of a form pass over control characters; shown on a terminal they would steer it.
        (fits(value) && !value.contains(char::is_control)).then(|| value.to_owned())
    })
}

fn is_thumbprint(value: &str) -> bool {
    value.len() == 40 && value.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_tenant(value: &str) -> bool {
    value.parse::<crate::tenant::Tenant>().is_ok()
}

fn is_address(value: &str) -> bool {
    value.parse::<Address>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_in_microsofts_own_sentences() {
        let text = "AADSTS700027: The certificate with identifier used to sign the client assertion is not registered on \
            application. [Reason - The key was not found., Thumbprint of key used by client: \
            '0123456789ABCDEF0123456789ABCDEF01234567', Please visit the Azure Portal, Graph Explorer or directly use MS Graph to \
            see configured keys for app Id '11112222-aaaa-3333-bbbb-4444cccc5555'.]";
        let facts = complete(&Facts::default(), text);
        assert_eq!(facts.client_id.as_deref(), Some("11112222-aaaa-3333-bbbb-4444cccc5555"));
        assert_eq!(facts.thumbprint_sha1.as_deref(), Some("0123456789ABCDEF0123456789ABCDEF01234567"));
        let denied =
            "554 5.2.252 SendAsDenied; relay@contoso.com not allowed to send as ann@contoso.com; STOREDRV";
        let facts = complete(&Facts::default(), denied);
        assert_eq!(
            (facts.mailbox.as_deref(), facts.from.as_deref()),
            (Some("relay@contoso.com"), Some("ann@contoso.com"))
        );
    }

    #[test]
    fn each_sentence_that_names_one_is_read() {
        let id = "11112222-aaaa-3333-bbbb-4444cccc5555";
        for text in [
            format!("Application '{id}'(Postern) is disabled."),
            format!("The client application {id} is missing service principal in the tenant contoso.com."),
            format!("cannot access the application '{id}'(Postern) in that tenant."),
        ] {
            assert_eq!(complete(&Facts::default(), &text).client_id.as_deref(), Some(id), "{text}");
        }
        for text in
            ["The requested user 'a@contoso.com' is invalid.", "Resource 'a@contoso.com' does not exist"]
        {
            assert_eq!(complete(&Facts::default(), text).mailbox.as_deref(), Some("a@contoso.com"), "{text}");
        }
        assert_eq!(complete(&Facts::default(), "Resource '1111' does not exist").mailbox, None);
    }

    #[test]
    fn what_the_administrator_gave_wins_and_what_has_another_form_is_left_alone() {
        let given = Facts { client_id: Some("mine".to_owned()), ..Facts::default() };
        let text = "keys for app '11112222-aaaa-3333-bbbb-4444cccc5555' The redirect URI 'not an address' Tenant 'a b'";
        let facts = complete(&given, text);
        assert_eq!(facts.client_id.as_deref(), Some("mine"));
        assert_eq!((facts.redirect_uri, facts.tenant), (None, None));
        let steering = "The redirect URI '\u{1b}https://gate.example/authorize' specified";
        assert_eq!(complete(&given, steering).redirect_uri, None);
    }
}
