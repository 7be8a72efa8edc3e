//! One message over a session: the envelope in one go, the content piece by piece, a verdict for each.
//!
//! What it must never do: call a message unsent when the answer to its last octet is lost, or send content
//! whose line ends another server could read otherwise. Neighbours: `session` opened the way, `content`
//! frames the octets, `courier` makes outcomes of the verdicts.

use std::fmt::Write as _;

use bytes::Bytes;
use mail::Address;

use super::content::{BareLineBreak, LineEnds, Stuffing};
use super::extensions::Extensions;
use super::reply::Reply;
use super::session::{Session, Standing, expect, refusal};
use super::wire::after_last_byte;
use crate::failure::{Failure, LocalTrouble, SmtpRefusal, SmtpStage, printable};
use crate::parcel::{Content, ContentTrouble, Parcel, RecipientReports, Reports, ReportsBy};

/// How handing a message over ended.
#[derive(Debug)]
pub(crate) struct Handover {
    /// The recipients that were refused, each with its verdict. It did not go to them.
    pub(crate) refused: Vec<SmtpRefusal>,
    /// Those that weren't named yet, because one transaction takes no more.
    pub(crate) left_over: Vec<Address>,
    /// Exchange's own name for the message, where its answer has one; or what stood in the way for everybody.
    pub(crate) ended: Result<Option<String>, Failure>,
    /// Who tells of a success.
    pub(crate) reports: ReportsBy,
    /// Whether any octet of the content may have been sent.
    reached: Reached,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reached {
    Envelope,
    Content,
}

/// A message as SMTP carries it.
pub(crate) struct Letter<'a> {
    /// `MAIL FROM`; none for the null reverse-path.
    pub(crate) from: Option<&'a Address>,
    /// What is carried.
    pub(crate) parcel: &'a Parcel<'a>,
}

/// How many recipients one transaction names: Exchange's default limit, beyond which it bounces the whole
/// message after its 250 (additions D4).
pub(crate) const MAX_RECIPIENTS: usize = 500;

impl Handover {
    /// It ended alike for every recipient, before or without any word about one.
    pub(crate) fn of_all(ended: Result<Option<String>, Failure>) -> Handover {
        Handover {
            refused: Vec::new(),
            left_over: Vec::new(),
            ended,
            reports: ReportsBy::Us,
            reached: Reached::Content,
        }
    }

    /// Whether the session had died unseen before anything of the message was sent: another may be tried at
    /// once (additions D5). `530` is a session that has forgotten who logged in.
    pub(crate) fn is_stale(&self) -> bool {
        self.reached == Reached::Envelope
            && match &self.ended {
                Err(Failure::Network(_)) => true,
                Err(Failure::Smtp(refusal)) => matches!(refusal.code, 421 | 530) || says_timed_out(refusal),
                _ => false,
            }
    }
}

fn says_timed_out(refusal: &SmtpRefusal) -> bool {
    refusal.enhanced.as_deref() == Some("4.4.1") || refusal.text.starts_with("4.4.1")
}

impl Session {
    /// Sends one message. Each recipient has a verdict of its own: the message goes to those who were
    /// accepted, and the others are listed. When none was, the reason for the failure is one of theirs, a
    /// temporary one where there is one.
    pub(crate) async fn deliver(&mut self, letter: &Letter<'_>) -> Handover {
        self.messages += 1;
        let named = MAX_RECIPIENTS.min(letter.parcel.envelope.to().len());
        let mut handover = Handover {
            refused: Vec::new(),
            left_over: letter.parcel.envelope.to()[named..].to_vec(),
            ended: Ok(None),
            reports: if self.offered.dsn { ReportsBy::Them } else { ReportsBy::Us },
            reached: Reached::Envelope,
        };
        handover.ended = self.hand_over(letter, &mut handover.refused, &mut handover.reached).await;
        handover
    }

    async fn hand_over(
        &mut self,
        letter: &Letter<'_>,
        refused: &mut Vec<SmtpRefusal>,
        reached: &mut Reached,
    ) -> Result<Option<String>, Failure> {
        let mut pieces = Pieces::of(letter.parcel.content);
        let first = pieces.next().await?;
        let lines = self.write_envelope(letter)?;
        let framing = self.framing();
        self.standing = Standing::Lost;
        self.name_everybody(letter, &lines, &framing, refused).await?;
        *reached = Reached::Content;
        let reply = self.send_content(framing, first, &mut pieces).await?;
        match reply.code {
            250 => Ok(remote_id(&reply)),
            _ => Err(refusal(SmtpStage::EndOfData, &reply).into()),
        }
    }

    /// `MAIL`, `RCPT`…, and `DATA` where it may follow at once: one line each.
    fn write_envelope(&self, letter: &Letter<'_>) -> Result<Vec<String>, LocalTrouble> {
        let to = &letter.parcel.envelope.to()[..MAX_RECIPIENTS.min(letter.parcel.envelope.to().len())];
        let mut lines = vec![mail_from(letter, to, &self.offered)?];
        let reports = if self.offered.dsn { letter.parcel.reports.recipients } else { &[] };
        lines.extend(to.iter().enumerate().map(|(at, recipient)| rcpt_to(recipient, reports.get(at))));
        Ok(lines)
    }

    fn framing(&self) -> Framing {
        match self.offered.chunking {
            true => Framing::Chunk,
            false => Framing::Dots(Stuffing::new()),
        }
    }

    /// Says the envelope and hears each verdict. It comes back well when content may follow.
    async fn name_everybody(
        &mut self,
        letter: &Letter<'_>,
        lines: &[String],
        framing: &Framing,
        refused: &mut Vec<SmtpRefusal>,
    ) -> Result<(), Failure> {
        // RFC 2920 §3.1: DATA may end a group. BDAT waits, or a dead session would already hold the content.
        let asks_data = matches!(framing, Framing::Dots(_));
        let mut group: Vec<&str> = lines.iter().map(String::as_str).collect();
        group.extend((asks_data && self.offered.pipelining).then_some(DATA));
        let (replies, broken) = self.say_in_groups(&group).await;
        let Some((mail, rest)) = replies.split_first() else {
            return Err(broken.expect("MAIL has a reply where nothing broke"));
        };
        let data = rest.get(lines.len() - 1);
        if mail.code != 250 {
            if broken.is_none() {
                self.stand_by(mail, data);
            }
            return Err(refusal(SmtpStage::MailFrom, mail).into());
        }
        for (reply, recipient) in rest.iter().zip(letter.parcel.envelope.to()).take(lines.len() - 1) {
            let verdict =
                SmtpRefusal { recipient: Some(recipient.clone()), ..refusal(SmtpStage::RcptTo, reply) };
            match reply.code {
                // RFC 5321 §4.2.1: the first digit says yes.
                200..=299 => {}
                // RFC 5321 §3.8: the server closes the channel; nobody else will be heard.
                421 => return Err(verdict.into()),
                _ => refused.push(verdict),
            }
        }
        if refused.len() == lines.len() - 1 {
            if broken.is_none() {
                self.take_back(data).await;
            }
            let weightiest = refused.iter().find(|one| one.is_temporary()).or(refused.first());
            return Err(weightiest.expect("an envelope has a recipient").clone().into());
        }
        // The verdicts that were heard before stand.
        if let Some(failure) = broken {
            return Err(failure);
        }
        let data = match data {
            None if asks_data => Some(self.wire.ask(DATA.as_bytes(), self.timeouts.command).await?),
            data => data.cloned(),
        };
        match data {
            Some(reply) if reply.code != 354 => {
                self.take_back(Some(&reply)).await;
                Err(expect(SmtpStage::Data, reply, 354).expect_err("it isn't 354"))
            }
            _ => Ok(()),
        }
    }

    /// One write for a whole group where the server takes that (RFC 2920), else one for each line. Stops
    /// where nothing that follows could be accepted. What was heard before the connection broke comes with what broke it.
    async fn say_in_groups(&mut self, lines: &[&str]) -> (Vec<Reply>, Option<Failure>) {
        let at_once = if self.offered.pipelining { GROUP_LINES } else { 1 };
        let mut replies: Vec<Reply> = Vec::with_capacity(lines.len());
        for group in lines.chunks(at_once) {
            if let Err(trouble) = self.wire.send(group.concat().as_bytes(), self.timeouts.command).await {
                return (replies, Some(trouble.into()));
            }
            for _ in group {
                let reply = match self.wire.read_reply(self.timeouts.command).await {
                    Ok(reply) => reply,
                    Err(trouble) => return (replies, Some(trouble.into())),
                };
                let is_goodbye = reply.code == 421;
                replies.push(reply);
                if is_goodbye {
                    return (replies, None);
                }
            }
            if replies[0].code != 250 {
                break;
            }
        }
        (replies, None)
    }

    /// After a refused `MAIL` there is no transaction; unless the server goes away, or takes `DATA` for one.
    fn stand_by(&mut self, mail: &Reply, data: Option<&Reply>) {
        if mail.code != 421 && data.is_none_or(|data| data.code != 354) {
            self.standing = Standing::Ready;
        }
    }

    /// Ends a transaction without a message, so that the session is good for another.
    async fn take_back(&mut self, data: Option<&Reply>) {
        if data.is_some_and(|data| matches!(data.code, 354 | 421)) {
            // It waits for a message that must not come: only hanging up says so.
            return;
        }
        let reply = self.wire.ask(b"RSET\r\n", self.timeouts.command).await;
        if reply.is_ok_and(|reply| reply.code == 250) {
            self.standing = Standing::Ready;
        }
    }

    /// The last block goes with the end: once that is handed over, no answer means "unknown".
    async fn send_content(
        &mut self,
        mut framing: Framing,
        first: Option<Bytes>,
        pieces: &mut Pieces<'_>,
    ) -> Result<Reply, Failure> {
        let mut blocks = framing.begin(pieces.size_octets);
        let mut piece = first;
        while let Some(octets) = piece {
            framing.add(&octets, &mut blocks);
            drop(octets);
            if pieces.left_octets == 0 {
                break;
            }
            if let Some(early) = self.send_blocks(&blocks).await? {
                return Ok(early);
            }
            blocks.clear();
            piece = pieces.next().await?;
        }
        blocks.extend_from_slice(framing.end());
        let (most, last) = blocks.split_at(blocks.len().saturating_sub(BLOCK_OCTETS));
        if let Some(early) = self.send_blocks(most).await? {
            return Ok(early);
        }
        let reply = match self.wire.send(last, self.timeouts.data_block).await {
            Ok(()) => self.wire.read_reply(self.timeouts.end_of_data).await.map_err(after_last_byte)?,
            Err(cut) => self.hear_last_words().await.ok_or_else(|| after_last_byte(cut))?,
        };
        if reply.code != 421 {
            self.standing = Standing::Ready;
        }
        Ok(reply)
    }

    /// A server that has seen enough may answer and hang up in the middle: its answer counts.
    async fn send_blocks(&mut self, octets: &[u8]) -> Result<Option<Reply>, Failure> {
        for block in octets.chunks(BLOCK_OCTETS) {
            if let Err(cut) = self.wire.send(block, self.timeouts.data_block).await {
                let words = self.hear_last_words().await.filter(|reply| reply.code >= 400);
                return words.map(Some).ok_or_else(|| cut.into());
            }
        }
        Ok(None)
    }

    async fn hear_last_words(&mut self) -> Option<Reply> {
        self.wire.read_reply(self.timeouts.quit).await.ok()
    }
}

const DATA: &str = "DATA\r\n";
/// How many lines are said before their replies are read: neither side's buffer may fill (RFC 2920 §3.1).
const GROUP_LINES: usize = 100;
/// How much is written before the clock of one block starts again.
const BLOCK_OCTETS: usize = 64 * 1024;

/// How the server tells the content's end.
enum Framing {
    /// `DATA`: by a dot on a line of its own.
    Dots(Stuffing),
    /// `BDAT` (RFC 3030 §2), one chunk: by its length.
    Chunk,
}

impl Framing {
    fn begin(&self, size_octets: u64) -> Vec<u8> {
        match self {
            Framing::Dots(_) => Vec::new(),
            Framing::Chunk => format!("BDAT {size_octets} LAST\r\n").into_bytes(),
        }
    }

    fn add(&mut self, octets: &[u8], blocks: &mut Vec<u8>) {
        match self {
            Framing::Dots(stuffing) => {
                blocks.reserve(octets.len() + octets.len() / 64 + 8);
                stuffing.add(octets, blocks);
            }
            Framing::Chunk => blocks.extend_from_slice(octets),
        }
    }

    fn end(&self) -> &'static [u8] {
        match self {
            Framing::Dots(stuffing) => stuffing.end_of_data(),
            Framing::Chunk => b"",
        }
    }
}

/// The content, each piece checked before it is handed out.
struct Pieces<'a> {
    content: &'a dyn Content,
    next: u32,
    size_octets: u64,
    left_octets: u64,
    line_ends: LineEnds,
}

impl<'a> Pieces<'a> {
    fn of(content: &'a dyn Content) -> Pieces<'a> {
        let size_octets = content.size_octets();
        Pieces { content, next: 0, size_octets, left_octets: size_octets, line_ends: LineEnds::default() }
    }

    /// `None` after the last: when as many octets have come as were announced.
    async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        if self.left_octets == 0 {
            return Ok(None);
        }
        let piece = self.content.piece(self.next).await?.unwrap_or_default();
        let length = piece.len() as u64;
        if length == 0 || length > self.left_octets {
            return Err(ContentTrouble("it has not the size that was noted for it".to_owned()).into());
        }
        self.next += 1;
        self.left_octets -= length;
        self.line_ends.check(&piece).map_err(bare_line_break)?;
        if self.left_octets == 0 {
            self.line_ends.finish().map_err(bare_line_break)?;
        }
        Ok(Some(piece))
    }
}

fn bare_line_break(bare: BareLineBreak) -> LocalTrouble {
    LocalTrouble::new(
        "bare_line_break",
        format!("the message has a CR or LF that isn't part of a CRLF, at octet {}", bare.offset),
        "The program that made the message must end each line with CRLF.",
    )
}

/// `MAIL FROM` with exactly the parameters that the message needs and the server offers.
fn mail_from(letter: &Letter<'_>, to: &[Address], offered: &Extensions) -> Result<String, LocalTrouble> {
    let content = letter.parcel.content;
    let mut line = format!("MAIL FROM:<{}>", letter.from.map_or("", Address::as_str));
    if let Some(limit_octets) = offered.size {
        check_size(content.size_octets(), limit_octets)?;
        add(&mut line, "SIZE", &content.size_octets());
    }
    let traits = content.traits();
    if traits.eight_bit {
        line += match offered.eight_bit_mime {
            true => " BODY=8BITMIME",
            false => return Err(needs("8BITMIME", "it has letters beyond ASCII that aren't encoded")),
        };
    }
    let is_ascii = letter.from.into_iter().chain(to).all(Address::is_ascii);
    if !is_ascii || traits.international {
        line += match offered.smtputf8 {
            true => " SMTPUTF8",
            false if !is_ascii => return Err(needs("SMTPUTF8", "an address has letters beyond ASCII")),
            false => return Err(needs("SMTPUTF8", "its header has letters beyond ASCII")),
        };
    }
    if offered.dsn {
        add_reports(&mut line, &letter.parcel.reports);
    }
    Ok(line + "\r\n")
}

/// RFC 3461 §4.3 and §4.4.
fn add_reports(line: &mut String, reports: &Reports<'_>) {
    if let Some(ret) = reports.ret {
        add(line, "RET", &ret);
    }
    if let Some(envid) = reports.envid {
        add(line, "ENVID", envid);
    }
}

/// RFC 3461 §4.1 and §4.2.
fn rcpt_to(recipient: &Address, reports: Option<&RecipientReports>) -> String {
    let mut line = format!("RCPT TO:<{recipient}>");
    if let Some(notify) = reports.and_then(|reports| reports.notify) {
        add(&mut line, "NOTIFY", &notify);
    }
    if let Some(orcpt) = reports.and_then(|reports| reports.orcpt.as_ref()) {
        add(&mut line, "ORCPT", orcpt);
    }
    line + "\r\n"
}

fn add(line: &mut String, keyword: &str, value: &dyn std::fmt::Display) {
    write!(line, " {keyword}={value}").expect("writing to a String can't fail");
}

/// RFC 1870 §6.1: no need to send what the server has said it won't take; 0 means no fixed limit.
fn check_size(size_octets: u64, limit_octets: u64) -> Result<(), LocalTrouble> {
    match limit_octets != 0 && size_octets > limit_octets {
        false => Ok(()),
        true => Err(LocalTrouble::new(
            "message_too_large",
            format!("the message has {size_octets} octets; the server takes at most {limit_octets}"),
            "Send a smaller message, or put the attachment where it can be fetched.",
        )),
    }
}

fn needs(extension: &'static str, why: &str) -> LocalTrouble {
    LocalTrouble::new(
        "extension_not_offered",
        format!("the message needs {extension} ({why}), which the server doesn't offer"),
        "Exchange Online offers it: check the SMTP server of the account's cloud, and what stands between.",
    )
}

/// Exchange's own name for the message: `250 2.0.0 OK <id> [Hostname=…]` (facts 6.2).
fn remote_id(reply: &Reply) -> Option<String> {
    let text = reply.text();
    let (_, rest) = text.split_once('<')?;
    let (id, _) = rest.split_once('>')?;
    Some(format!("<{}>", printable(id, 200)))
}

#[cfg(test)]
mod tests {
    use mail::Envelope;

    use super::*;
    use crate::parcel::ReturnPath;
    use crate::parcel::testing::Cut;

    fn line(from: &str, to: &str, message: &str, offered: &[&str]) -> Result<String, &'static str> {
        let offered: Vec<String> = offered.iter().map(|line| (*line).to_owned()).collect();
        let content = Cut::whole(message);
        let from: Option<Address> = (!from.is_empty()).then(|| from.parse().unwrap());
        let envelope = Envelope::new(from.clone(), [to.parse().unwrap()]).unwrap();
        let parcel = Parcel {
            envelope: &envelope,
            message_id: None,
            content: &content,
            return_path: ReturnPath::Envelope,
            reports: Reports { ret: Some(mail::dsn_request::Ret::Headers), ..Reports::default() },
        };
        let letter = Letter { from: from.as_ref(), parcel: &parcel };
        mail_from(&letter, envelope.to(), &Extensions::read(&offered)).map_err(|trouble| trouble.code)
    }

    fn to_ann(from: &str, message: &str, offered: &[&str]) -> Result<String, &'static str> {
        line(from, "ann@contoso.com", message, offered)
    }

    #[test]
    fn parameters_are_said_only_when_offered_and_needed() {
        let all = ["host", "SIZE 1000", "8BITMIME", "SMTPUTF8"];
        assert_eq!(to_ann("a@b.com", "x\r\n", &["host"]).unwrap(), "MAIL FROM:<a@b.com>\r\n");
        assert_eq!(to_ann("a@b.com", "x\r\n", &all).unwrap(), "MAIL FROM:<a@b.com> SIZE=3\r\n");
        let eight_bit = to_ann("a@b.com", "S: a\r\n\r\né\r\n", &all).unwrap();
        assert_eq!(eight_bit, "MAIL FROM:<a@b.com> SIZE=12 BODY=8BITMIME\r\n");
        let international = to_ann("pelé@b.com", "x\r\n", &all).unwrap();
        assert_eq!(international, "MAIL FROM:<pelé@b.com> SIZE=3 SMTPUTF8\r\n");
        let header = to_ann("a@b.com", "S: é\r\n\r\nx\r\n", &all).unwrap();
        assert!(header.ends_with("BODY=8BITMIME SMTPUTF8\r\n"), "{header}");
        assert_eq!(to_ann("", "x\r\n", &["host", "DSN"]).unwrap(), "MAIL FROM:<> RET=HDRS\r\n");
    }

    #[test]
    fn what_the_server_cannot_carry_is_refused_before_it_is_sent() {
        assert_eq!(to_ann("a@b.com", "é\r\n", &["host"]), Err("extension_not_offered"));
        let only_8bit = ["host", "8BITMIME"];
        assert_eq!(to_ann("pelé@b.com", "x\r\n", &only_8bit), Err("extension_not_offered"));
        assert_eq!(line("a@b.com", "pelé@b.com", "x\r\n", &only_8bit), Err("extension_not_offered"));
        assert_eq!(to_ann("a@b.com", "S: é\r\n\r\nx\r\n", &only_8bit), Err("extension_not_offered"));
        assert_eq!(to_ann("a@b.com", "xxxx\r\n", &["host", "SIZE 5"]), Err("message_too_large"));
        assert!(to_ann("a@b.com", "xxxx\r\n", &["host", "SIZE 0"]).is_ok());
        assert!(to_ann("a@b.com", "xxxx\r\n", &["host", "SIZE"]).is_ok());
    }
}
