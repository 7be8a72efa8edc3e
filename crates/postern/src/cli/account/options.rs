//! The settings of an account that `add` and `edit` have in common.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use crate::cli::password::SecretSource;
use crate::cli::when;

#[derive(Debug, Args)]
pub(super) struct Settings {
    /// Prove the account with this stored certificate (recommended): its name or id
    #[arg(long, value_name = "CERTIFICATE", conflicts_with_all = ["secret_file", "secret_stdin", "secret_expires"], value_parser = NonEmptyStringValueParser::new())]
    pub(super) certificate: Option<String>,
    #[command(flatten)]
    pub(super) secret: SecretSource,
    /// When the client secret expires, as the portal says: 2027-11-21
    #[arg(long, value_name = "DATE", value_parser = when::parse_given)]
    pub(super) secret_expires: Option<OffsetDateTime>,
    /// The cloud: global, us-gov, us-gov-dod, china, or one of the configuration [default: global]
    #[arg(long)]
    cloud: Option<String>,
    /// delegated: a person signs in; application: app-only, no person [default: delegated]
    #[arg(long, value_enum, value_name = "KIND")]
    sign_in: Option<SignIn>,
    /// graph, or smtp (SMTP AUTH with XOAUTH2) [default: graph]
    #[arg(long, value_enum, value_name = "KIND")]
    transport: Option<Transport>,
    /// Address that mail comes from; needed for application sign-in, '' means the mailbox that signed in
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,
    /// Another address it may send as: scanner@contoso.com, *@contoso.com, or * for anyone; may be repeated, '' means none
    #[arg(long, value_name = "ADDRESS")]
    sender: Vec<String>,
    /// What happens to a message of which nobody knows whether it was sent [default: look-then-resend]
    #[arg(long, value_enum, value_name = "POLICY")]
    unknown: Option<Unknown>,
    /// How mail goes that Graph can't carry as it is [default: draft]
    #[arg(long, value_enum, value_name = "WAY")]
    large_mail: Option<LargeMail>,
    /// Make this the default account
    #[arg(long)]
    default: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Unknown {
    /// Looked for where reading is granted, then sent again with the same Message-ID
    LookThenResend,
    /// Held for a person
    Hold,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LargeMail {
    /// By a draft and an upload session, or by SMTP where that can't be
    Draft,
    /// By SMTP; so goes mail whose header names others than its envelope, too
    Smtp,
    /// Refused
    Refuse,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum SignIn {
    Delegated,
    Application,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Transport {
    Graph,
    Smtp,
}

impl SignIn {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Delegated => "delegated",
            Self::Application => "application",
        }
    }
}

impl Transport {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Graph => "graph",
            Self::Smtp => "smtp",
        }
    }
}

impl Unknown {
    const fn as_str(self) -> &'static str {
        match self {
            Self::LookThenResend => "look_then_resend",
            Self::Hold => "hold",
        }
    }
}

impl LargeMail {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Smtp => "smtp",
            Self::Refuse => "refuse",
        }
    }
}

impl Settings {
    /// Puts what was given into the request; the credential is left to the caller, who may have to ask.
    pub(super) fn insert_into(&self, body: &mut Map<String, Value>) {
        insert(body, "cloud", self.cloud.as_deref());
        insert(body, "sign_in", self.sign_in.map(SignIn::as_str));
        insert(body, "transport", self.transport.map(Transport::as_str));
        match self.from.as_deref() {
            Some("") => {
                body.insert("from".into(), Value::Null);
            }
            from => insert(body, "from", from),
        }
        if !self.sender.is_empty() {
            let senders: Vec<&String> = self.sender.iter().filter(|sender| !sender.is_empty()).collect();
            body.insert("senders".into(), json!(senders));
        }
        insert(body, "unknown_policy", self.unknown.map(Unknown::as_str));
        insert(body, "large_mail", self.large_mail.map(LargeMail::as_str));
        if self.default {
            body.insert("default".into(), json!(true));
        }
    }

    /// Whether the options speak of a client secret.
    pub(super) fn names_secret(&self) -> bool {
        self.secret.is_given() || self.secret_expires.is_some()
    }
}

pub(super) fn insert(body: &mut Map<String, Value>, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        body.insert(name.to_owned(), json!(value));
    }
}
