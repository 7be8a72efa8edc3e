//! `postern send`: one message, made of its parts, handed to the server. Done means that it is on the server's disk.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::ArgAction;
use serde_json::{Map, Value, json};

use super::context::{Context, Verdict, text};
use super::failure::Failure;
use super::files;

/// Send a message
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  postern send --to ann@contoso.com --subject 'Backup done' --text 'All is well.'
  df -h | postern send --to it@contoso.com --subject 'Disks' --text-file -
  postern send --to ann@contoso.com --cc bob@contoso.com --subject Report --html-file report.html --attach report.pdf

Exit status: 0 when it is accepted and safe on disk, 1 when not, 2 wrong usage.")]
pub(crate) struct Send {
    /// Who receives it: ann@contoso.com or 'Ann <ann@contoso.com>' (may be repeated)
    #[arg(long, value_name = "ADDRESS", required_unless_present_any = ["cc", "bcc"])]
    to: Vec<String>,
    /// Who receives a copy (may be repeated)
    #[arg(long, value_name = "ADDRESS")]
    cc: Vec<String>,
    /// Who receives a copy that nobody else sees (may be repeated)
    #[arg(long, value_name = "ADDRESS")]
    bcc: Vec<String>,
    /// Who it is from [default: the account's own address]
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,
    /// Where answers go (may be repeated)
    #[arg(long, value_name = "ADDRESS")]
    reply_to: Vec<String>,
    /// Its subject
    #[arg(long)]
    subject: String,
    /// What it says
    #[arg(long, conflicts_with = "text_file")]
    text: Option<String>,
    /// File with what it says; - is standard input
    #[arg(long, value_name = "FILE")]
    text_file: Option<PathBuf>,
    /// File with the same in HTML; - is standard input
    #[arg(long, value_name = "FILE")]
    html_file: Option<PathBuf>,
    /// File to attach (may be repeated)
    #[arg(long, value_name = "FILE", action = ArgAction::Append)]
    attach: Vec<PathBuf>,
    /// A further header: 'X-Job: 17' (may be repeated)
    #[arg(long, value_name = "HEADER", value_parser = parse_header)]
    header: Vec<(String, String)>,
    /// Name or id of the account [default: the one that fits the sender]
    #[arg(long)]
    account: Option<String>,
    /// Send it once, however often this is run with the same key
    #[arg(long, value_name = "KEY", value_parser = parse_key)]
    idempotency_key: Option<String>,
}

/// What Exchange Online takes at most, unless it was told otherwise.
const ATTACHMENT_LIMIT_BYTES: u64 = 150 * 1024 * 1024;
const TEXT_LIMIT_BYTES: u64 = 32 * 1024 * 1024;

pub(crate) async fn run(send: &Send, context: &mut Context<'_>) -> Result<Verdict, Failure> {
    let message = send.to_json()?;
    let accepted = context.client.post_once("/messages", message, send.idempotency_key.as_deref()).await?;
    let id = text(&accepted, "id").unwrap_or_default();
    context.tell_done(
        &accepted,
        &format!("Accepted as {id}; `postern queue show {id}` tells what became of it."),
    );
    Ok(Verdict::Done)
}

impl Send {
    fn to_json(&self) -> Result<Value, Failure> {
        let mut message = Map::new();
        let mut insert = |name: &str, value: Value| message.insert(name.to_owned(), value);
        insert("subject", json!(self.subject));
        for (name, addresses) in
            [("to", &self.to), ("cc", &self.cc), ("bcc", &self.bcc), ("reply_to", &self.reply_to)]
        {
            if !addresses.is_empty() {
                insert(name, json!(addresses));
            }
        }
        for (name, value) in [("from", &self.from), ("account", &self.account)] {
            if let Some(value) = value {
                insert(name, json!(value));
            }
        }
        if let Some(text) = self.read_text()? {
            insert("text", json!(text));
        }
        if let Some(file) = &self.html_file {
            insert("html", json!(read_text(file)?));
        }
        if !self.header.is_empty() {
            let headers = self.header.iter().map(|(name, value)| json!({ "name": name, "value": value }));
            insert("headers", headers.collect());
        }
        if !self.attach.is_empty() {
            let attachments: Result<Vec<Value>, Failure> =
                self.attach.iter().map(|file| attachment(file)).collect();
            insert("attachments", json!(attachments?));
        }
        Ok(Value::Object(message))
    }

    fn read_text(&self) -> Result<Option<String>, Failure> {
        match (&self.text, &self.text_file) {
            (Some(text), _) => Ok(Some(text.clone())),
            (None, Some(file)) => read_text(file).map(Some),
            (None, None) => Ok(None),
        }
    }
}

fn read_text(file: &Path) -> Result<String, Failure> {
    let file = if file == Path::new("-") { Path::new("/dev/stdin") } else { file };
    let octets = files::read(file, TEXT_LIMIT_BYTES)?;
    String::from_utf8(octets).map_err(|_| {
        Failure::new("not_text", format!("{} is not UTF-8 text", file.display()))
            .hint("attach it with --attach, or convert it with iconv")
    })
}

fn attachment(file: &Path) -> Result<Value, Failure> {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = name.ok_or_else(|| Failure::usage(format!("{} has no file name", file.display())))?;
    let content = STANDARD.encode(files::read(file, ATTACHMENT_LIMIT_BYTES)?);
    Ok(json!({ "name": name, "content": content }))
}

/// What may stand in a header of HTTP.
fn parse_key(text: &str) -> Result<String, String> {
    let sound = (1..=255).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_graphic());
    if sound { Ok(text.to_owned()) } else { Err("give 1 to 255 printable ASCII characters".to_owned()) }
}

fn parse_header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("give it as 'Name: value'")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}
