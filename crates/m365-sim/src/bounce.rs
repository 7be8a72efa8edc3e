//! Exchange's report that a message can't be delivered (RFC 3464), as it lands in the sender's Inbox.

use crate::timestamp;
use mail_parser::MessageParser;
use time::OffsetDateTime;

/// Who couldn't be reached, and why.
#[derive(Debug)]
pub(crate) struct Failure {
    recipients: Vec<String>,
    status: &'static str,
    diagnostic: &'static str,
}

impl Failure {
    /// More recipients than the organisation allows for one message (additions D4).
    pub(crate) fn too_many_recipients(recipients: &[String]) -> Self {
        Self {
            recipients: recipients.to_vec(),
            status: "5.5.3",
            diagnostic: "smtp;550 5.5.3 RESOLVER.ADR.RecipLimit; too many recipients",
        }
    }

    /// Addresses that nobody has.
    pub(crate) fn unknown_recipients(recipients: &[String]) -> Self {
        Self {
            recipients: recipients.to_vec(),
            status: "5.1.10",
            diagnostic: "smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup",
        }
    }

    pub(crate) fn is_of(&self, address: &str) -> bool {
        self.recipients.iter().any(|one| one == address)
    }
}

/// The report about `mime`, to `sender`.
pub(crate) fn report(
    domain: &str,
    sender: &str,
    failure: &Failure,
    mime: &[u8],
    now: OffsetDateTime,
) -> Vec<u8> {
    let original = MessageParser::default().parse_headers(mime).unwrap_or_default();
    let boundary = format!("_SIM_{}_", crate::random::hex_upper(16));
    let subject = original.subject().unwrap_or_default().replace(['\r', '\n'], " ");
    let id = original.message_id().unwrap_or_default();
    let Failure { recipients, status, diagnostic } = failure;
    let per_recipient: String = recipients
        .iter()
        .map(|address| {
            format!(
                "\r\nFinal-recipient: RFC822;{address}\r\nAction: failed\r\nStatus: {status}\r\nDiagnostic-code: {diagnostic}\r\n"
            )
        })
        .collect();
    format!(
        "From: \"Microsoft Outlook\" <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@{domain}>\r\n\
         To: <{sender}>\r\nDate: {date}\r\nSubject: Undeliverable: {subject}\r\nMessage-ID: <{new}@{domain}>\r\n\
         In-Reply-To: <{id}>\r\nReferences: <{id}>\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=\"{boundary}\"\r\n\r\n\
         --{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\
         Your message couldn't be delivered to: {list}\r\n{diagnostic}\r\n\r\n\
         --{boundary}\r\nContent-Type: message/delivery-status\r\n\r\n\
         Reporting-MTA: dns;SIM01.simprd01.prod.outlook.com\r\nArrival-Date: {date}\r\n{per_recipient}\r\n\
         --{boundary}\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <{id}>\r\nSubject: {subject}\r\n\r\n--{boundary}--\r\n",
        date = timestamp::mail(now),
        new = uuid::Uuid::new_v4(),
        list = recipients.join(", "),
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_the_message_and_each_recipient() {
        let failure = Failure::unknown_recipients(&["a@x.example".into(), "b@x.example".into()]);
        let mime = b"Subject: hi\r\nMessage-ID: <1@x>\r\n\r\nhello";
        let report =
            report("contoso.example", "megan@contoso.example", &failure, mime, OffsetDateTime::UNIX_EPOCH);
        let message = MessageParser::default().parse(&report).unwrap();
        assert_eq!(message.subject(), Some("Undeliverable: hi"));
        let text = String::from_utf8(report.clone()).unwrap();
        assert!(text.contains("Final-recipient: RFC822;a@x.example") && text.contains("RFC822;b@x.example"));
        assert!(text.contains("In-Reply-To: <1@x>"));
        assert!(failure.is_of("a@x.example") && !failure.is_of("c@x.example"));
    }
}
