//! What an error of Microsoft's means, and who must do what about it.
//!
//! One table, in files by family. It never guesses: an answer that it doesn't know is passed on whole, and
//! where Microsoft doesn't say which of several faults it is, the advice is an order in which to look.
//! Nothing is decided by it: whether to wait, to retry or to drop a grant is [`Failure`]'s to say.

mod entra;
mod gleaned;
mod graph;
mod local;
mod network;
mod paste;
mod provider;
mod said;
mod smtp;
#[cfg(test)]
mod tests;
mod words;

use serde::Serialize;

use crate::account::{Account, Credential, SignIn, Transport};
use crate::failure::{EntraRefusal, Failure, NetworkKind};
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
    /// Whether the table knows it; else only Microsoft's own words say what it is.
    pub known: bool,
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
    /// Host of the sign-in service: `login.microsoftonline.com`.
    pub login: Option<String>,
    /// Host of the OpenID provider that stands in for Entra; none where it is Entra.
    pub provider: Option<String>,
    /// Object ID of the enterprise application (service principal), as the application's own token names it.
    pub principal_id: Option<String>,
    /// How the account signs in; chooses between the advice for the one and for the other.
    pub sign_in: Option<SignIn>,
}

/// Explains a failure with the table's words, filled with the administrator's values.
pub fn explain(failure: &Failure, facts: &Facts) -> Advice {
    advise(failure, &gleaned::with_named(facts, &whole_text(failure)))
}

fn advise(failure: &Failure, facts: &Facts) -> Advice {
    let target = match failure {
        Failure::Network(trouble) => trouble.target.as_str(),
        _ => "",
    };
    let advice = |known, turn, cause: String, fix: String| Advice {
        code: failure.code(),
        says: whole_text(failure),
        cause,
        fix,
        temporary: failure.is_temporary() && !may_have_arrived(failure),
        turn,
        known,
    };
    match (words_for(failure, facts), failure) {
        (Some(words), _) => {
            let (cause, fix) = (fill(words.cause, facts, target), fill(words.fix, facts, target));
            match is_listed(failure) {
                true => advice(true, words.turn, cause, fix),
                // The family is what Microsoft says the answer is; what it is in particular isn't known.
                false => advice(
                    false,
                    words.turn,
                    format!("{cause} {ONLY_KIND_KNOWN}"),
                    format!("{fix} {}", unknown_fix(failure, facts)),
                ),
            }
        }
        (None, Failure::Local(trouble)) => {
            advice(true, local::turn(trouble), trouble.message.clone(), trouble.hint.clone())
        }
        (None, _) => {
            let cause = match &facts.provider {
                Some(provider) => {
                    format!("Postern doesn't know this answer. The log of {provider} may tell more.")
                }
                None => UNKNOWN_CAUSE.to_owned(),
            };
            advice(false, unknown_turn(failure), cause, unknown_fix(failure, facts))
        }
    }
}

/// Explains a text that somebody pasted: a code, lines of a log, an error page, a JSON answer, a bounce. All
/// that it tells of, the most specific first; nothing where no code is in it. What `facts` leave open is taken
/// from the text itself, where Microsoft says it. For a code alone, all that Microsoft is known to say with it.
pub fn find(text: &str, facts: &Facts) -> Vec<Advice> {
    let text: String = text.chars().take(MOST_CHARS).collect();
    let facts = gleaned::complete(facts, &text);
    let told = match paste::read(&text) {
        told if told.is_empty() => paste::read_words(&text),
        told => told,
    };
    let failures = told.into_iter().flat_map(one_for_each_code);
    let mut found: Vec<(bool, Advice)> = failures
        .flat_map(|failure| {
            let is_general = is_general(&failure);
            explain_found(&failure, &facts).into_iter().map(move |advice| (is_general, advice))
        })
        .collect();
    // Stable: what is equally specific stays in the order of the text.
    found.sort_by_key(|(is_general, advice)| (!advice.known, *is_general));
    found.into_iter().map(|(_, advice)| advice).take(MOST_FINDINGS).collect()
}

/// A code without its words can stand for several answers: each that is known is told, with its words.
fn explain_found(failure: &Failure, facts: &Facts) -> Vec<Advice> {
    if !said::is_bare(failure) {
        return vec![explain(failure, facts)];
    }
    let mut told: Vec<&Words> = Vec::new();
    let mut examples = Vec::new();
    for seen in said::with_code_of(failure) {
        let Some(words) = look_up(seen, facts.sign_in) else { continue };
        if !told.contains(&words) {
            told.push(words);
            let advice = advise(seen, facts);
            examples.push(Advice { says: format!("for example: {}", advice.says), ..advice });
        }
    }
    if examples.is_empty() { vec![advise(failure, facts)] } else { examples }
}

/// An answer of Entra can give several numbers, the specific one last (additions E1): each is explained.
fn one_for_each_code(failure: Failure) -> Vec<Failure> {
    match failure {
        Failure::Entra(refusal) if refusal.codes.len() > 1 => {
            let one = |number: &u32| EntraRefusal { codes: vec![*number], ..(*refusal).clone() };
            refusal.codes.iter().rev().map(one).map(Failure::from).collect()
        }
        failure => vec![failure],
    }
}

/// Says only that something else was said: to be read last.
fn is_general(failure: &Failure) -> bool {
    matches!(failure, Failure::Entra(refusal) if refusal.aadsts().is_some_and(entra::is_general))
}

/// More of a paste isn't read: no error page and no useful piece of a log is longer.
const MOST_CHARS: usize = 64 * 1024;
/// A log can repeat itself for ever.
const MOST_FINDINGS: usize = 12;

impl Facts {
    /// The values of an account; the redirect URI and the service principal are the caller's to add.
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
            login: account.cloud.login.host_str().map(str::to_owned),
            provider: account.cloud.own_provider().map(str::to_owned),
            principal_id: None,
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

fn words_for(failure: &Failure, facts: &Facts) -> Option<&'static Words> {
    match failure {
        Failure::Entra(refusal) if facts.provider.is_some() && !refusal.has_microsofts_marks() => {
            provider::look_up(refusal)
        }
        _ => look_up(failure, facts.sign_in),
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

/// Whether the table has this very code; else it knows the kind only.
fn is_listed(failure: &Failure) -> bool {
    match failure {
        Failure::Entra(refusal) => {
            refusal.codes.is_empty() || refusal.codes.iter().any(|number| entra::is_known(*number))
        }
        Failure::Graph(refusal) => refusal.code.is_empty() || graph::is_known(refusal),
        Failure::Smtp(_) | Failure::Network(_) | Failure::Local(_) => true,
    }
}

/// Whether what was sent can have been taken although the answer isn't good: waiting changes nothing then.
fn may_have_arrived(failure: &Failure) -> bool {
    match failure {
        Failure::Graph(refusal) => refusal.may_have_arrived(),
        Failure::Network(trouble) => trouble.kind == NetworkKind::AfterLastByte,
        Failure::Entra(_) | Failure::Smtp(_) | Failure::Local(_) => false,
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
const ONLY_KIND_KNOWN: &str = "(Postern knows this kind of answer, but not this very code.)";

fn unknown_turn(failure: &Failure) -> Turn {
    match failure.is_temporary() {
        true => Turn::Wait,
        false => Turn::PosternAdministrator,
    }
}

fn unknown_fix(failure: &Failure, facts: &Facts) -> String {
    let page = match failure {
        Failure::Entra(refusal) => refusal.aadsts(),
        _ => None,
    };
    let look = match page {
        Some(number) => {
            let login = facts.login.as_deref().unwrap_or("login.microsoftonline.com");
            format!("Look it up at https://{login}/error?code={number}.")
        }
        None if facts.provider.is_some() => "Look there for the time of this answer.".to_owned(),
        None => "Search Microsoft's documentation for the code and the words above.".to_owned(),
    };
    match failure.request_id() {
        Some(id) if facts.provider.is_none() => {
            format!("{look} Microsoft's support will ask for this id: {id}.")
        }
        _ => look,
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
