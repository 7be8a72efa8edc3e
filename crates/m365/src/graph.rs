//! Mail to Microsoft Graph, and what Graph tells about the mailbox: facts 5, additions C.
//!
//! What it must never do: take any answer but 202 for sent, or call a message unsent when the answer to its
//! last byte is lost. A 401 is handed back: the caller renews the token once. Neighbours: `connection`
//! carries the requests, `courier` brings parcels and access tokens, `diagnosis` explains what comes back.

mod anatomy;
mod body;
mod draft;
mod licence;
mod look;
mod refusal;

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use mail::Address;
use reqwest::RequestBuilder;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use serde_json::Value;
use url::Url;

use crate::connection::{Answer, Connection};
use crate::failure::{Failure, GraphRefusal, LocalTrouble, NetworkKind, NetworkTrouble};
use crate::parcel::{Content, ContentTrouble};
use crate::secret::AccessToken;
use body::Pump;

pub(crate) use draft::send_by_draft;
pub use licence::{Licences, MailboxLicence};
pub(crate) use look::was_sent;
pub(crate) use refusal::read_refusal;

/// Whose mailbox a call is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mailbox<'a> {
    /// Of whoever signed in: `/me`.
    Me,
    /// Of a user by UPN or address: `/users/{upn}`. The only way for application sign-in.
    User(&'a Address),
}

/// A message that Graph has taken: stored for sending, not yet delivered. It gives no id (facts 5.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Microsoft's name for the request.
    pub request_id: Option<String>,
}

/// Who signed in, as `/me` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The user's object id.
    pub id: String,
    /// For people.
    pub display_name: Option<String>,
    /// The primary address; users without a mailbox have none.
    pub mail: Option<String>,
    /// The user name, which may differ from the address.
    pub user_principal_name: String,
}

/// Above this, Graph has answered 200 and not sent (additions C2).
pub const MAX_MIME_OCTETS: u64 = 2 * 1024 * 1024;

/// Sends a message as it is. Recipients are those of its header (facts 5.2).
///
/// # Errors
/// `Graph` when it was refused, also by a success that isn't 202; `Network(AfterLastByte)` when the whole
/// message was handed over and no answer came: it may have been sent. `Local` when it is too large, or can't
/// be read.
pub(crate) async fn send_mime(
    conn: &Connection,
    token: &AccessToken,
    mailbox: Mailbox<'_>,
    content: &dyn Content,
) -> Result<Sent, Failure> {
    send_within(SEND_TIMEOUT, conn, token, mailbox, content).await
}

/// Who signed in. Needs User.Read; there is nobody in application sign-in.
///
/// # Errors
/// `Graph` when it was refused, `Network` without an answer.
pub async fn who_am_i(conn: &Connection, token: &AccessToken) -> Result<Profile, Failure> {
    let mut url = address(conn, Mailbox::Me, &[]);
    url.set_query(Some("$select=id,displayName,mail,userPrincipalName"));
    let answer = conn.exchange(conn.http().get(url).bearer_auth(token.expose())).await?;
    let profile = read_json(&answer)?;
    let text = |name: &str| profile[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    match (text("id"), text("userPrincipalName")) {
        (Some(id), Some(user_principal_name)) => {
            Ok(Profile { id, user_principal_name, display_name: text("displayName"), mail: text("mail") })
        }
        _ => Err(answer.unreadable("the profile has no id or userPrincipalName")),
    }
}

/// The licences of a user, also those given by group (facts 5.9). Needs User.Read for oneself; for another
/// user, and in application sign-in, a directory permission that many tenants won't give.
///
/// # Errors
/// As [`who_am_i`].
pub async fn read_licences(
    conn: &Connection,
    token: &AccessToken,
    mailbox: Mailbox<'_>,
) -> Result<Licences, Failure> {
    let url = address(conn, mailbox, &["licenseDetails"]);
    let answer = conn.exchange(conn.http().get(url).bearer_auth(token.expose())).await?;
    Licences::read(&read_json(&answer)?).ok_or_else(|| answer.unreadable("the licences have no list"))
}

/// Uploading 2 MiB over a slow line, and a busy front end; the default for small calls would cut it short.
const SEND_TIMEOUT: Duration = Duration::from_secs(120);
/// What was made comes back in the answer: a draft as JSON, an attachment in base64.
const ECHO_OCTETS: usize = 8 * 1024 * 1024;

async fn send_within(
    timeout: Duration,
    conn: &Connection,
    token: &AccessToken,
    mailbox: Mailbox<'_>,
    content: &dyn Content,
) -> Result<Sent, Failure> {
    check_size(content.size_octets())?;
    let request = conn.http().post(address(conn, mailbox, &["sendMail"])).timeout(timeout);
    let answer = post_mime(conn, token, request, content).await?;
    match answer.status {
        202 => Ok(Sent { request_id: answer.header("request-id").map(str::to_owned) }),
        status if answer.is_success() => {
            let message =
                format!("{status} instead of 202: it has not sent the message, most likely for its size");
            Err(GraphRefusal { message, ..refusal::of_answer(&answer) }.into())
        }
        _ => Err(refusal::of_answer(&answer).into()),
    }
}

/// Posts a message in base64 while its pieces are read.
async fn post_mime(
    conn: &Connection,
    token: &AccessToken,
    request: RequestBuilder,
    content: &dyn Content,
) -> Result<Answer, Failure> {
    let (body, watch, pump) = body::encode(content).await?;
    let request = request
        .bearer_auth(token.expose())
        .header(CONTENT_TYPE, "text/plain")
        .header(CONTENT_LENGTH, body.len())
        .body(reqwest::Body::wrap(body));
    let answer = match pump {
        None => conn.exchange_up_to(ECHO_OCTETS, request).await,
        Some(pump) => while_pumping(pump, conn.exchange_up_to(ECHO_OCTETS, request)).await?,
    };
    answer.map_err(|failure| match watch.is_handed_over() {
        true => after_last_byte(failure),
        false => failure,
    })
}

/// The answer may come before the last piece was taken: then nobody needs the rest.
async fn while_pumping<T>(pump: Pump<'_>, exchange: impl Future<Output = T>) -> Result<T, ContentTrouble> {
    let mut exchange = pin!(exchange);
    tokio::select! {
        answer = &mut exchange => Ok(answer),
        pumped = pump.run() => match pumped {
            Ok(()) => Ok(exchange.await),
            Err(trouble) => Err(trouble),
        },
    }
}

fn check_size(size_octets: u64) -> Result<(), LocalTrouble> {
    match size_octets > MAX_MIME_OCTETS {
        false => Ok(()),
        true => Err(LocalTrouble::new(
            "message_too_large",
            format!(
                "the message has {size_octets} octets; one request to Microsoft Graph takes {MAX_MIME_OCTETS} for certain"
            ),
            "Send a smaller message, or set the account's transport to SMTP.",
        )),
    }
}

/// Once everything was handed over, silence means "unknown"; an answer by somebody else stays one.
fn after_last_byte(failure: Failure) -> Failure {
    match failure {
        Failure::Network(trouble) if matches!(trouble.kind, NetworkKind::Timeout | NetworkKind::Reset) => {
            NetworkTrouble { kind: NetworkKind::AfterLastByte, ..trouble }.into()
        }
        other => other,
    }
}

/// The address of a call about a mailbox; each name stands in its place of the path, whatever it holds.
fn address(conn: &Connection, mailbox: Mailbox<'_>, call: &[&str]) -> Url {
    let mut url = conn.cloud().graph.clone();
    let mut path = url.path_segments_mut().expect("a checked Graph address is http(s)");
    path.pop_if_empty().push("v1.0");
    match mailbox {
        Mailbox::Me => path.push("me"),
        Mailbox::User(user) => path.push("users").push(user.as_str()),
    };
    path.extend(call);
    drop(path);
    url
}

fn read_json(answer: &Answer) -> Result<Value, Failure> {
    match answer.is_success() {
        false => Err(refusal::of_answer(answer).into()),
        true => serde_json::from_slice(&answer.body).map_err(|_| answer.unreadable("the answer isn't JSON")),
    }
}

/// For `dirt`.
#[cfg(any(test, fuzzing))]
pub(crate) fn read_dirt(answer: &Answer) {
    // Only that it comes back counts.
    let _ = refusal::of_answer(answer);
    if let Ok(read) = read_json(answer) {
        let _ = Licences::read(&read).map(|licences| licences.mailbox());
    }
}

#[cfg(test)]
mod tests;
