//! Reads an error that somebody pasted: a log line, a page's text, a JSON answer. Knows no advice itself.

use serde_json::Value;

use super::{entra, graph};
use crate::failure::{EntraRefusal, Failure, SmtpRefusal, SmtpStage, printable};
use crate::graph::read_refusal;

/// The failure that the text tells of; `None` where nothing in it is known.
pub(super) fn read(text: &str) -> Option<Failure> {
    read_json(text).or_else(|| read_aadsts(text)).or_else(|| read_smtp(text)).or_else(|| read_graph(text))
}

/// An answer of Entra or Graph somewhere in the text.
fn read_json(text: &str) -> Option<Failure> {
    let json = &text[text.find('{')?..=text.rfind('}')?];
    let answer: Value = serde_json::from_str(json).ok()?;
    match &answer["error"] {
        Value::String(_) => Some(EntraRefusal::from_answer(0, json.as_bytes(), None).into()),
        Value::Object(_) => Some(read_refusal(0, json.as_bytes()).into()),
        _ => None,
    }
}

/// `AADSTS700027: …`, also percent-encoded in an address, or the bare number of a code that is known.
fn read_aadsts(text: &str) -> Option<Failure> {
    let trimmed = text.trim();
    let bare = trimmed.parse().ok().filter(|number| entra::is_known(*number));
    match (trimmed.find("AADSTS"), bare) {
        (Some(begin), _) => {
            let refusal = EntraRefusal::from_redirect("", &trimmed[begin..], None, None);
            (!refusal.codes.is_empty()).then(|| refusal.into())
        }
        (None, Some(number)) => {
            let text = format!("AADSTS{number}");
            Some(EntraRefusal::from_redirect("", &text, None, None).into())
        }
        (None, None) => None,
    }
}

/// `535 5.7.3 Authentication unsuccessful`, as servers, Python or bounces write it.
fn read_smtp(text: &str) -> Option<Failure> {
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || "'\"(),;<>#-".contains(c)).collect();
    let enhanced = words.iter().map(|word| word.trim_end_matches(['.', ':'])).find(|word| is_enhanced(word));
    let code = words.iter().find_map(|word| reply_code(word.trim_end_matches([':', '.'])));
    let names_the_switch = text.contains("SmtpClientAuthentication");
    if enhanced.is_none() && !names_the_switch && !begins_like_smtp(text) {
        return None;
    }
    let code = code.or_else(|| enhanced.map(usual_code)).or(names_the_switch.then_some(535))?;
    Some(
        SmtpRefusal {
            stage: if code == 535 { SmtpStage::Auth } else { SmtpStage::EndOfData },
            code,
            enhanced: enhanced.map(str::to_owned),
            text: printable(text, TEXT_CHARS),
            challenge: None,
            recipient: None,
        }
        .into(),
    )
}

/// A code of Graph's table as a word of the text.
fn read_graph(text: &str) -> Option<Failure> {
    let code = graph::find_code(text)?;
    let mut refusal = read_refusal(0, b"");
    refusal.code = code.to_owned();
    refusal.message = printable(text, TEXT_CHARS);
    Some(refusal.into())
}

const TEXT_CHARS: usize = 2000;

/// Without an enhanced code, only a line that begins with a code that HTTP doesn't use.
fn begins_like_smtp(text: &str) -> bool {
    let (code, rest) = text.trim_start().split_at_checked(3).unwrap_or_default();
    let is_smtp = matches!(code.parse(), Ok(421 | 432 | 450..=455 | 521 | 530 | 534 | 535 | 538 | 550..=556));
    is_smtp && rest.starts_with([' ', '-']) && rest.len() > 1
}

fn reply_code(word: &str) -> Option<u16> {
    word.parse().ok().filter(|code| word.len() == 3 && (400..600).contains(code))
}

fn is_enhanced(word: &str) -> bool {
    let parts: Vec<&str> = word.split('.').collect();
    parts.len() == 3
        && matches!(parts[0], "4" | "5")
        && parts
            .iter()
            .all(|part| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Bounces often give the enhanced code alone.
fn usual_code(enhanced: &str) -> u16 {
    match enhanced {
        "5.7.3" | "5.7.139" => 535,
        "5.7.57" => 530,
        "5.3.4" => 552,
        "4.3.2" => 432,
        _ if enhanced.starts_with('4') => 451,
        _ => 550,
    }
}
