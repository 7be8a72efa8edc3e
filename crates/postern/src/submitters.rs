//! Submitters as administrators manage them: who may hand mail over, how they prove themselves, and as whom they may send.
//! A password or token that is made here is told once and kept as a hash. Neighbours: `submitter_password`, which hashes,
//! `queue::door`, which lets submitters in, and the store, which keeps each change together with its audit row.

use std::collections::HashSet;
use std::str::FromStr;

use mail::Address;
use serde_json::{Value, json};
use store::{ForeignFrom, PutSubmitterError, RemoveSubmitterError, SubmitterRow, SubmitterSecret};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::api::access::{self, Actor};
use crate::api::input::{Description, Name, SecretText};
use crate::app::App;
use crate::passwords::NewPassword;
use crate::problem::{Problem, shown};
use crate::queue::network::Network;
use crate::{accounts, audit, submitter_password};

/// What is set about a submitter; what is not given stays, or is the usual for a new one.
#[derive(Debug, Default)]
pub struct Changes {
    /// What it is called.
    pub name: Option<Name>,
    /// What it is for.
    pub description: Option<Description>,
    /// What it logs in as; `Some(None)` takes its password away.
    pub user_name: Option<Option<Name>>,
    /// A password that somebody chose, for whoever logs in; one is made where there is none.
    pub password: Option<SecretText>,
    /// Whether it has an API token: true makes a new one, false takes it away.
    pub token: Option<bool>,
    /// Networks from which it needs no password.
    pub networks: Option<Vec<NetworkText>>,
    /// Local users who may use `submit.sock`.
    pub uids: Option<Vec<u32>>,
    /// As whom it may send.
    pub senders: Option<Vec<SenderText>>,
    /// What happens to any other From.
    pub foreign_from: Option<ForeignFrom>,
    /// Id or name of its account; `Some(None)` is the one that fits.
    pub account: Option<Option<String>>,
    /// The most messages a minute; `Some(None)` is no limit.
    pub rate_per_minute: Option<Option<u32>>,
    /// Whether it may hand mail over at present.
    pub enabled: Option<bool>,
}

/// A submitter as it is now, with what was made for it: the only time that is known.
#[derive(Debug)]
pub struct Made {
    /// It.
    pub row: SubmitterRow,
    /// A password that was made.
    pub password: Option<Zeroizing<String>>,
    /// A token that was made.
    pub token: Option<Zeroizing<String>>,
}

/// A network as it was written: `192.0.2.0/24`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkText(String);

/// As whom a submitter may send: `scanner@contoso.com`, `*@contoso.com`, or `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SenderText(String);

/// By which prefix a submitter's token is told from others, also by secret scanners.
pub const TOKEN_PREFIX: &str = "pss_";

impl FromStr for NetworkText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        text.parse::<Network>().map(|_| Self(text.to_owned())).map_err(|error| error.to_string())
    }
}

impl FromStr for SenderText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim().to_lowercase();
        let example = match text.strip_prefix('*') {
            Some("") => "anyone@example.com".to_owned(),
            Some(domain) => format!("anyone{domain}"),
            None => text.clone(),
        };
        match example.parse::<Address>() {
            Ok(_) if !text.contains(char::is_whitespace) => Ok(Self(text)),
            Ok(_) => Err("an address with a blank in it can't be listed here".to_owned()),
            Err(error) => Err(format!("{error}; write scanner@contoso.com, *@contoso.com or *")),
        }
    }
}

/// Adds a submitter. One that is told by nothing else logs in by its name and a password that is made for it.
pub async fn add(app: &App, actor: &Actor, name: Name, changes: Changes) -> Result<Made, Problem> {
    let target = name.as_str().to_owned();
    let added = insert(app, actor, name, changes).await;
    app.audit_refusal(actor, "submitter.add", &target, added).await
}

/// Changes a submitter.
pub async fn edit(app: &App, actor: &Actor, id_or_name: &str, changes: Changes) -> Result<Made, Problem> {
    let before = find(app, id_or_name).await?;
    let target = before.name.clone();
    let edited = update(app, actor, "submitter.edit", before, changes).await;
    app.audit_refusal(actor, "submitter.edit", &target, edited).await
}

/// Gives a submitter another password; the one before is void.
pub async fn reset_password(
    app: &App,
    actor: &Actor,
    id_or_name: &str,
    chosen: Option<SecretText>,
) -> Result<Made, Problem> {
    let mut before = find(app, id_or_name).await?;
    let target = before.name.clone();
    before.secret = None;
    let user_name = match before.user_name.is_some() {
        true => None,
        false => Some(Some(target.parse().map_err(Problem::internal)?)),
    };
    let changes = Changes { user_name, password: chosen, ..Changes::default() };
    let reset = update(app, actor, "submitter.reset_password", before, changes).await;
    app.audit_refusal(actor, "submitter.reset_password", &target, reset).await
}

/// Gives a submitter another API token; the one before is void.
pub async fn reset_token(app: &App, actor: &Actor, id_or_name: &str) -> Result<Made, Problem> {
    let before = find(app, id_or_name).await?;
    let target = before.name.clone();
    let changes = Changes { token: Some(true), ..Changes::default() };
    let reset = update(app, actor, "submitter.reset_token", before, changes).await;
    app.audit_refusal(actor, "submitter.reset_token", &target, reset).await
}

/// Removes a submitter. What it has handed over goes its way.
pub async fn remove(app: &App, actor: &Actor, id_or_name: &str) -> Result<(), Problem> {
    let row = find(app, id_or_name).await?;
    let entry = audit::done(actor, app.now(), "submitter.remove", &row.name);
    app.store.submitters().remove(row.id, &entry).await.map_err(|error| match error {
        RemoveSubmitterError::NotFound => Problem::not_found("submitter", id_or_name),
        RemoveSubmitterError::Store(error) => error.into(),
    })?;
    app.events.tell("submitters", &row.id.to_string(), "deleted");
    Ok(())
}

/// The submitter with this id or name.
pub async fn find(app: &App, id_or_name: &str) -> Result<SubmitterRow, Problem> {
    let found = app.store.submitters().find(id_or_name).await?;
    found.ok_or_else(|| Problem::not_found("submitter", id_or_name))
}

async fn insert(app: &App, actor: &Actor, name: Name, mut changes: Changes) -> Result<Made, Problem> {
    let told_by_something = changes.user_name.is_some()
        || changes.token == Some(true)
        || changes.networks.as_ref().is_some_and(|networks| !networks.is_empty())
        || changes.uids.as_ref().is_some_and(|uids| !uids.is_empty());
    if !told_by_something || (changes.password.is_some() && changes.user_name.is_none()) {
        changes.user_name = Some(Some(name.clone()));
    }
    let now = app.now();
    let blank = SubmitterRow {
        id: Uuid::now_v7(),
        version: 0,
        name: name.as_str().to_owned(),
        description: String::new(),
        user_name: None,
        secret: None,
        token_hash: None,
        networks: Vec::new(),
        uids: Vec::new(),
        senders: Vec::new(),
        foreign_from: ForeignFrom::Refuse,
        account_id: None,
        rate_per_minute: None,
        is_enabled: true,
        created_at: now,
        updated_at: now,
        last_used_at: None,
    };
    let made = changed(app, blank, changes).await?;
    let entry = audit::with(audit::done(actor, now, "submitter.add", &made.row.name), facts(&made));
    let row = app.store.submitters().insert(&made.row, &entry).await;
    let row = row.map_err(|error| not_stored(&made.row, error))?;
    app.events.tell("submitters", &row.id.to_string(), "created");
    Ok(Made { row, ..made })
}

async fn update(
    app: &App,
    actor: &Actor,
    action: &str,
    before: SubmitterRow,
    changes: Changes,
) -> Result<Made, Problem> {
    let (old_name, version) = (before.name.clone(), before.version);
    let made = changed(app, before, changes).await?;
    let entry = audit::with(audit::done(actor, app.now(), action, &old_name), facts(&made));
    let row = app.store.submitters().update(&made.row, version, &entry).await;
    let row = row.map_err(|error| not_stored(&made.row, error))?;
    app.events.tell("submitters", &row.id.to_string(), "changed");
    Ok(Made { row, ..made })
}

async fn changed(app: &App, mut row: SubmitterRow, changes: Changes) -> Result<Made, Problem> {
    row.updated_at = app.now();
    if let Some(name) = &changes.name {
        row.name = name.as_str().to_owned();
    }
    if let Some(description) = &changes.description {
        row.description = description.as_str().to_owned();
    }
    if let Some(uids) = &changes.uids {
        row.uids = without_repeats(uids.iter().copied());
        check_uids(app, &row).await?;
    }
    if let Some(networks) = changes.networks.as_ref() {
        row.networks = without_repeats(networks.iter().map(|network| network.0.clone()));
    }
    if let Some(senders) = changes.senders.as_ref() {
        row.senders = without_repeats(senders.iter().map(|sender| sender.0.clone()));
    }
    if let Some(account) = &changes.account {
        row.account_id = match account {
            Some(account) => Some(accounts::find_row(app, account).await?.id),
            None => None,
        };
    }
    row.foreign_from = changes.foreign_from.unwrap_or(row.foreign_from);
    row.rate_per_minute = changes.rate_per_minute.unwrap_or(row.rate_per_minute);
    row.is_enabled = changes.enabled.unwrap_or(row.is_enabled);
    let token = change_token(&mut row, changes.token);
    let password = change_login(app, &mut row, &changes).await?;
    Ok(Made { row, password, token })
}

fn change_token(row: &mut SubmitterRow, wanted: Option<bool>) -> Option<Zeroizing<String>> {
    let token = (wanted? || row.token_hash.is_none()).then(|| access::random_token(TOKEN_PREFIX));
    let token = token.filter(|_| wanted == Some(true));
    row.token_hash = token.as_ref().map(|token| access::hash_token(token));
    token
}

/// Who logs in has a password: the chosen one, the one before, or one that is made.
async fn change_login(
    app: &App,
    row: &mut SubmitterRow,
    changes: &Changes,
) -> Result<Option<Zeroizing<String>>, Problem> {
    if let Some(user_name) = &changes.user_name {
        row.user_name = user_name.as_ref().map(|name| name.as_str().to_owned());
    }
    let Some(user_name) = &row.user_name else {
        row.secret = None;
        return Ok(None);
    };
    if let Some(chosen) = &changes.password {
        let chosen = NewPassword::check(chosen, user_name, "password")?;
        row.secret = Some(SubmitterSecret::Chosen(app.door.passwords.hash(&chosen).await?));
        return Ok(None);
    }
    if row.secret.is_some() {
        return Ok(None);
    }
    let password = submitter_password::generate();
    row.secret = Some(submitter_password::seal_generated(&app.vault, row.id, &password));
    Ok(Some(password))
}

/// A local user is one submitter: whose mail would it be otherwise?
async fn check_uids(app: &App, row: &SubmitterRow) -> Result<(), Problem> {
    let others = app.store.submitters().known_by_place().await?;
    for other in others.iter().filter(|other| other.id != row.id) {
        if let Some(uid) = row.uids.iter().find(|uid| other.uids.contains(uid)) {
            let name = shown(&other.name);
            return Err(Problem::new(
                "uid_taken",
                format!("The local user {uid} is already known as the submitter {name}."),
                "Take the user away from that submitter first.",
            )
            .with("field", "uids"));
        }
    }
    Ok(())
}

fn without_repeats<T: Clone + Eq + std::hash::Hash>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = HashSet::new();
    all.filter(|one| seen.insert(one.clone())).collect()
}

/// What the audit log notes: never a secret.
fn facts(made: &Made) -> Value {
    let row = &made.row;
    json!({
        "user_name": row.user_name,
        "password_made": made.password.is_some(),
        "token_made": made.token.is_some(),
        "networks": row.networks,
        "uids": row.uids,
        "senders": row.senders,
        "foreign_from": row.foreign_from.as_str(),
        "account_id": row.account_id.map(|id| id.to_string()),
        "rate_per_minute": row.rate_per_minute,
        "enabled": row.is_enabled,
    })
}

fn not_stored(row: &SubmitterRow, error: PutSubmitterError) -> Problem {
    let name = shown(&row.name);
    match error {
        PutSubmitterError::NotFound => Problem::not_found("submitter", &row.name),
        PutSubmitterError::Conflict => Problem::new(
            "changed_meanwhile",
            format!("Somebody else has changed the submitter {name} meanwhile."),
            "Look at it again and repeat your change.",
        ),
        PutSubmitterError::NameTaken => Problem::new(
            "name_taken",
            format!("There is already a submitter named {name}."),
            "Choose another name.",
        )
        .with("field", "name"),
        PutSubmitterError::UserNameTaken => Problem::new(
            "name_taken",
            "Another submitter already logs in by this user name.",
            "Choose another user name.",
        )
        .with("field", "user_name"),
        PutSubmitterError::AccountNotFound => {
            Problem::new("not_found", "The account has been deleted meanwhile.", "Choose another account.")
        }
        PutSubmitterError::Store(error) => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senders_are_addresses_domains_or_anyone() {
        for (text, expected) in
            [("Scanner@Contoso.com", "scanner@contoso.com"), (" *@contoso.com ", "*@contoso.com"), ("*", "*")]
        {
            assert_eq!(text.parse(), Ok(SenderText(expected.to_owned())), "{text}");
        }
        for text in ["", "contoso.com", "*contoso.com", "*@", "a*@contoso.com x", "\"a b\"@contoso.com"] {
            assert!(text.parse::<SenderText>().is_err(), "{text}");
        }
    }

    #[test]
    fn networks_are_checked_where_they_are_entered() {
        assert_eq!("192.0.2.0/24 ".parse(), Ok(NetworkText("192.0.2.0/24".to_owned())));
        assert!("192.0.2.0/33".parse::<NetworkText>().is_err());
    }
}
