//! What arrived in a simulated mailbox, read through the control port and compared with what was sent.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mail_parser::{Message, MessageParser};
use serde_json::Value;

use crate::cli::client::path;

/// A message is in its mailbox before the test mail's report is out; this is for a slow machine.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(100);

/// What must have arrived.
#[derive(Debug)]
pub(crate) struct Sent<'a> {
    pub(crate) message_id: &'a str,
    pub(crate) account: &'a str,
    pub(crate) from: &'a str,
    pub(crate) to: &'a str,
    /// How the simulator must have got it: `graph-mime` or `smtp`.
    pub(crate) via: &'a str,
}

/// The tenant's control port.
pub(crate) struct Control {
    address: String,
    client: reqwest::Client,
}

impl Control {
    /// # Errors
    /// No HTTP client can be made.
    pub(crate) fn new(address: &str) -> anyhow::Result<Self> {
        // Plain HTTP; nothing is trusted because nothing is asked over TLS.
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).timeout(PATIENCE).build()?;
        Ok(Self { address: address.to_owned(), client })
    }

    /// Registers a certificate's public part with an application, as *Upload certificate* does in the portal.
    ///
    /// # Errors
    /// The tenant refuses.
    pub(crate) async fn upload_certificate(&self, client_id: &str, pem: &str) -> anyhow::Result<()> {
        let address = format!("{}{}", self.address, path(&["apps", client_id]));
        let body = serde_json::json!({ "certificates": [pem] });
        let answer = self.client.put(address).json(&body).send().await?;
        let status = answer.status();
        ensure!(
            status.is_success(),
            "the tenant answered {status}: {}",
            answer.text().await.unwrap_or_default()
        );
        Ok(())
    }

    /// Waits for the message and compares it with what was sent.
    ///
    /// # Errors
    /// It doesn't arrive, or differs; the error says in what.
    pub(crate) async fn compare(&self, sent: &Sent<'_>) -> anyhow::Result<()> {
        let found = tokio::time::timeout(PATIENCE, self.find(sent.to, sent.message_id))
            .await
            .with_context(|| format!("no message {} arrived at {}", sent.message_id, sent.to))??;
        compare(&found, sent)
    }

    /// What lies in a mailbox, oldest first.
    ///
    /// # Errors
    /// The tenant doesn't answer, or a message can't be read.
    pub(crate) async fn list(&self, mailbox: &str) -> anyhow::Result<Vec<Arrived>> {
        self.fetch(mailbox).await?.iter().map(Arrived::read).collect()
    }

    async fn fetch(&self, mailbox: &str) -> anyhow::Result<Vec<Value>> {
        let address = format!("{}{}", self.address, path(&["mailboxes", mailbox, "messages"]));
        Ok(self.client.get(&address).send().await?.error_for_status()?.json().await?)
    }

    async fn find(&self, mailbox: &str, message_id: &str) -> anyhow::Result<Value> {
        loop {
            let messages = self.fetch(mailbox).await?;
            if let Some(found) = messages.into_iter().rev().find(|message| has_id(message, message_id)) {
                return Ok(found);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// A message in the simulated mailbox, as a line shows it.
#[derive(Debug)]
pub(crate) struct Arrived {
    /// `graph-mime`, `smtp`, ….
    pub(crate) via: String,
    pub(crate) from: String,
    pub(crate) subject: String,
    pub(crate) message_id: String,
}

impl Arrived {
    fn read(message: &Value) -> anyhow::Result<Self> {
        let mime = mime_of(message)?;
        let parsed = MessageParser::new().parse(&mime).context("what arrived is no mail")?;
        Ok(Self {
            via: message["via"].as_str().unwrap_or_default().to_owned(),
            from: addresses(parsed.from()).join(", "),
            subject: parsed.subject().unwrap_or_default().to_owned(),
            message_id: parsed.message_id().unwrap_or_default().to_owned(),
        })
    }
}

fn has_id(message: &Value, message_id: &str) -> bool {
    let wanted = bare(message_id);
    mime_of(message).is_ok_and(|mime| {
        MessageParser::new().parse(&mime).is_some_and(|parsed| parsed.message_id() == Some(wanted))
    })
}

fn mime_of(message: &Value) -> anyhow::Result<Vec<u8>> {
    let text =
        message.get("mime").and_then(Value::as_str).context("the mailbox holds a message without content")?;
    Ok(STANDARD.decode(text)?)
}

/// Envelope, header and body, each against what the test mail is made of.
fn compare(found: &Value, sent: &Sent<'_>) -> anyhow::Result<()> {
    let mime = mime_of(found)?;
    let message = MessageParser::new().parse(&mime).context("what arrived is no mail")?;
    equal("recipients in the envelope", &addresses_of_envelope(found), &[sent.to])?;
    equal("sender in the envelope", &[found["envelope"]["from"].as_str().unwrap_or_default()], &[sent.from])?;
    equal("way", &[found["via"].as_str().unwrap_or_default()], &[sent.via])?;
    equal("To", &addresses(message.to()), &[sent.to])?;
    equal("From", &addresses(message.from()), &[sent.from])?;
    let subject = format!("Postern test message ({})", sent.account);
    equal("Subject", &[message.subject().unwrap_or_default()], &[subject.as_str()])?;
    compare_body(&message, sent)
}

/// Both alternatives name the account and the addresses that this mail was sent with.
fn compare_body(message: &Message<'_>, sent: &Sent<'_>) -> anyhow::Result<()> {
    let text = message.body_text(0).context("what arrived has no text")?;
    let html = message.body_html(0).context("what arrived has no HTML alternative")?;
    for line in
        [format!("Account: {}", sent.account), format!("From: {}", sent.from), format!("To: {}", sent.to)]
    {
        ensure!(
            text.lines().any(|found| found.trim_end() == line),
            "the text that arrived lacks the line \"{line}\""
        );
    }
    for word in [sent.account, sent.from, sent.to] {
        ensure!(html.contains(word), "the HTML that arrived lacks \"{word}\"");
    }
    Ok(())
}

fn equal(what: &str, found: &[&str], sent: &[&str]) -> anyhow::Result<()> {
    let same = found.len() == sent.len() && found.iter().zip(sent).all(|(a, b)| a.eq_ignore_ascii_case(b));
    if !same {
        bail!("{what}: {} was sent, {} arrived", sent.join(", "), found.join(", "));
    }
    Ok(())
}

fn addresses_of_envelope(found: &Value) -> Vec<&str> {
    let to = found["envelope"]["to"].as_array();
    to.into_iter().flatten().filter_map(Value::as_str).collect()
}

fn addresses<'a>(header: Option<&'a mail_parser::Address<'a>>) -> Vec<&'a str> {
    header.into_iter().flat_map(mail_parser::Address::iter).filter_map(|address| address.address()).collect()
}

/// `<id@host>` without its brackets.
fn bare(message_id: &str) -> &str {
    message_id.trim_start_matches('<').trim_end_matches('>')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SENT: Sent<'static> =
        Sent { message_id: "<1@gate>", account: "tour", from: "a@b.example", to: "c@d.example", via: "smtp" };

    fn arrived(mime: &str) -> Value {
        json!({"via": "smtp", "envelope": {"from": "a@b.example", "to": ["C@d.example"]}, "mime": STANDARD.encode(mime)})
    }

    fn mime() -> String {
        "From: <a@b.example>\r\nTo: <c@d.example>\r\nMessage-ID: <1@gate>\r\nSubject: Postern test message (tour)\r\n\
         MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=x\r\n\r\n\
         --x\r\nContent-Type: text/plain\r\n\r\nAccount: tour\r\nFrom: a@b.example\r\nTo: c@d.example\r\n\
         --x\r\nContent-Type: text/html\r\n\r\n<p>tour a@b.example c@d.example</p>\r\n--x--\r\n"
            .to_owned()
    }

    #[test]
    fn what_arrived_as_it_was_sent_is_found_and_accepted() {
        let found = arrived(&mime());
        assert!(has_id(&found, "<1@gate>") && !has_id(&found, "<2@gate>"));
        compare(&found, &SENT).unwrap();
    }

    #[test]
    fn each_difference_is_named() {
        for (from, to, said) in [
            ("(tour)", "(other)", "Subject"),
            ("To: <c@d.example>", "To: <x@d.example>", "To"),
            ("Account: tour", "Account: other", "Account: tour"),
            ("<p>tour", "<p>other", "HTML"),
        ] {
            let found = arrived(&mime().replacen(from, to, 1));
            let error = compare(&found, &SENT).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
        let mut elsewhere = arrived(&mime());
        elsewhere["envelope"]["to"] = json!(["c@d.example", "spy@d.example"]);
        assert!(compare(&elsewhere, &SENT).unwrap_err().to_string().contains("spy@d.example"));
    }
}
