//! What `add` and `edit` have in common, and where a chosen password comes from.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use crate::cli::failure::Failure;
use crate::cli::password::{Secret, read_given};

#[derive(Debug, Args)]
pub(super) struct Settings {
    /// What it is for
    #[arg(long)]
    description: Option<String>,
    /// The user name that it logs in with
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// A network from which it needs no password: 192.0.2.0/24, 2001:db8::/32, 192.0.2.7 (may be repeated)
    #[arg(long, value_name = "NETWORK")]
    network: Vec<String>,
    /// A local user's id who may use `sendmail` and submit.sock as this submitter (may be repeated)
    #[arg(long, value_name = "UID")]
    uid: Vec<u32>,
    /// As whom it may send: scanner@contoso.com, *@contoso.com; without one, as whom its account may (may be repeated)
    #[arg(long, value_name = "ADDRESS")]
    sender: Vec<String>,
    /// What happens to any other From: refuse, or rewrite to the account's own and keep it in Reply-To [default: refuse]
    #[arg(long, value_enum, value_name = "WHAT")]
    foreign_from: Option<ForeignFrom>,
    /// The account that its mail goes by [default: the one that fits From, else the default account]
    #[arg(long)]
    account: Option<String>,
    /// The most messages a minute [default: no limit]
    #[arg(long, value_name = "PER MINUTE", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ForeignFrom {
    Refuse,
    Rewrite,
}

/// What `edit --clear` sets back.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Cleared {
    Senders,
    Networks,
    Uids,
    Account,
    Rate,
    User,
    Token,
}

/// A password that somebody chose; without one it is made.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(super) struct Password {
    /// Read the password from this file (one final newline is dropped) [default: one is made]
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Read the password from standard input (one final newline is dropped)
    #[arg(long)]
    password_stdin: bool,
}

impl Settings {
    /// The members that were given.
    pub(super) fn to_json(&self) -> Value {
        let mut body = Map::new();
        let mut insert = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                body.insert(name.to_owned(), value);
            }
        };
        insert("description", self.description.as_ref().map(|text| json!(text)));
        insert("user_name", self.user.as_ref().map(|name| json!(name)));
        insert("networks", (!self.network.is_empty()).then(|| json!(self.network)));
        insert("uids", (!self.uid.is_empty()).then(|| json!(self.uid)));
        insert("senders", (!self.sender.is_empty()).then(|| json!(self.sender)));
        insert("foreign_from", self.foreign_from.map(|word| json!(word.as_str())));
        insert("account", self.account.as_ref().map(|account| json!(account)));
        insert("rate_per_minute", self.rate.map(|rate| json!(rate)));
        Value::Object(body)
    }
}

impl Cleared {
    pub(super) fn insert_into(self, body: &mut Value) {
        let (name, value) = match self {
            Self::Senders => ("senders", json!([])),
            Self::Networks => ("networks", json!([])),
            Self::Uids => ("uids", json!([])),
            Self::Account => ("account", Value::Null),
            Self::Rate => ("rate_per_minute", Value::Null),
            Self::User => ("user_name", Value::Null),
            Self::Token => ("token", json!(false)),
        };
        body[name] = value;
    }
}

impl Password {
    pub(super) fn read(&self) -> Result<Option<Secret>, Failure> {
        read_given(self.password_file.as_deref(), self.password_stdin)
    }
}

impl ForeignFrom {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Rewrite => "rewrite",
        }
    }
}
