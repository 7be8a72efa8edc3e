//! Reads what somebody pasted: a code, an error page, a JSON answer, a redirect's address, lines of a log, a
//! bounce. Finds every failure that the text tells of, and guesses at none. Knows no advice itself.

use serde_json::{Deserializer, Value};
use url::form_urlencoded;

use super::{entra, graph, local, network, said, smtp};
use crate::failure::{
    EntraRefusal, Failure, GraphRefusal, NetworkTrouble, SmtpRefusal, SmtpStage, printable,
};
use crate::graph::read_refusal;

/// The failures that the text tells of, in its order, each once.
pub(super) fn read(text: &str) -> Vec<Failure> {
    if let Some(failure) = read_bare_code(text.trim()) {
        return vec![failure];
    }
    let (mut found, rest) = take_json(text);
    // A log may hold JSON inside a string: then its quotation marks are escaped.
    let rest = if found.is_empty() && rest.contains("\\\"") {
        let (inside, rest) = take_json(&rest.replace("\\\"", "\""));
        found.extend(inside);
        rest
    } else {
        rest
    };
    for address in rest.split_whitespace().filter(|word| word.contains("error_description=")) {
        found.extend(read_redirect(address));
    }
    let is_covered = |number: u32, found: &[Failure]| {
        found.iter().any(|known| matches!(known, Failure::Entra(refusal) if refusal.codes.contains(&number)))
    };
    for refusal in read_aadsts(&rest) {
        if refusal.codes.iter().any(|number| !is_covered(*number, &found)) {
            found.push(refusal.into());
        }
    }
    for number in read_numbers(&rest) {
        if !is_covered(number, &found) {
            found.push(bare_number(number));
        }
    }
    found.extend(read_smtp(&rest));
    found.extend(read_graph_codes(&rest, &found));
    without_repeats(found)
}

/// What was said without its code: Microsoft's own sentences, or the status of a request that is too large.
pub(super) fn read_words(text: &str) -> Vec<Failure> {
    match said::find_in(text) {
        told if told.is_empty() => read_statuses(text),
        told => told,
    }
}

/// What stands in front of Graph answers without JSON (additions C1).
fn read_statuses(text: &str) -> Vec<Failure> {
    let is_too_large = text.to_lowercase().contains("413 request entity too large");
    is_too_large.then(|| read_refusal(413, b"").into()).into_iter().collect()
}

/// Numbers of Entra where its log and its pages put them: `Sign-in error code: 53003`, `…/error?code=700016`.
fn read_numbers(text: &str) -> Vec<u32> {
    let lower = text.to_lowercase();
    let after = |mark: &'static str| lower.match_indices(mark).map(move |(at, _)| at + mark.len());
    let number_at = |at: usize| {
        let rest = lower[at..].trim_start_matches([' ', '\t', '\r', '\n', ':', '=', '"']);
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest[..digits].parse().ok().filter(|number| entra::is_known(*number))
    };
    ["error code", "errorcode", "error?code="].into_iter().flat_map(after).filter_map(number_at).collect()
}

fn bare_number(number: u32) -> Failure {
    EntraRefusal::from_redirect("", &format!("AADSTS{number}"), None, None).into()
}

/// The whole text is one code: of Entra, an OAuth error, of Graph, of SMTP, or one of Postern's own. What
/// has the form that only Graph's codes have is one also where it isn't known, and is passed on whole.
fn read_bare_code(text: &str) -> Option<Failure> {
    let number: Option<u32> = text.parse().ok();
    if let Some(number) = number.filter(|number| entra::is_known(*number)) {
        return Some(bare_number(number));
    }
    if entra::is_error(text) {
        return Some(EntraRefusal::from_redirect(text, "", None, None).into());
    }
    if entra::is_suberror(text) {
        return Some(EntraRefusal::from_redirect("", "", Some(text.to_owned()), None).into());
    }
    if let Some(kind) = network::find_kind(text) {
        return Some(NetworkTrouble::new("the server", kind, "").into());
    }
    if let Some(status) = text.strip_prefix("http_").and_then(|status| status.parse().ok()) {
        return Some(read_refusal(status, b"").into());
    }
    if is_enhanced(text) {
        return Some(smtp_refusal(usual_code(text), Some(text), "").into());
    }
    if let Some(code) = number.and_then(|number| u16::try_from(number).ok()).filter(|code| is_smtps(*code)) {
        return Some(smtp_refusal(code, None, "").into());
    }
    if let Some(trouble) = local::find(text) {
        return Some(trouble.into());
    }
    is_graphs(text).then(|| with_graph_code(text, "").into())
}

/// A word as only Graph's codes are: `ErrorItemNotFound`, `Request_BadRequest`.
fn is_graphs(text: &str) -> bool {
    let is_word =
        text.len() <= CODE_CHARS && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let is_name = |part: &str| part.starts_with(|c: char| c.is_ascii_uppercase());
    let joined = text.split_once('_').is_some_and(|(family, name)| is_name(family) && is_name(name));
    is_word && (joined || text.strip_prefix("Error").is_some_and(is_name))
}

/// Takes each answer of Entra or Graph out of the text.
fn take_json(text: &str) -> (Vec<Failure>, String) {
    let (mut found, mut rest, mut place) = (Vec::new(), String::new(), 0);
    for _ in 0..MOST_BRACES {
        let Some(begin) = text[place..].find('{').map(|offset| place + offset) else { break };
        rest.push_str(&text[place..begin]);
        let mut values = Deserializer::from_str(&text[begin..]).into_iter::<Value>();
        let read = values.next().and_then(Result::ok);
        match read.and_then(|answer| read_answer(&answer)) {
            Some(failure) => {
                found.push(failure);
                place = begin + values.byte_offset();
            }
            None => {
                rest.push('{');
                place = begin + 1;
            }
        }
    }
    rest.push_str(&text[place..]);
    (found, rest)
}

fn read_answer(answer: &Value) -> Option<Failure> {
    let body = answer.to_string();
    match &answer["error"] {
        Value::String(_) => Some(EntraRefusal::from_answer(0, body.as_bytes(), None).into()),
        Value::Object(_) => Some(read_refusal(0, body.as_bytes()).into()),
        _ => None,
    }
}

/// The address that a browser ended at, with `error=…&error_description=…` (facts 1.5).
fn read_redirect(address: &str) -> Option<Failure> {
    let fields = address.split_once(['?', '#']).map_or(address, |(_, fields)| fields);
    let field = |name: &str| {
        let mut pairs = form_urlencoded::parse(fields.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    let (error, description) = (field("error")?, field("error_description")?);
    let suberror = field("error_subcode").or_else(|| field("suberror"));
    Some(EntraRefusal::from_redirect(&error, &description, suberror, None).into())
}

/// `AADSTS70002: … AADSTS50032: …`: numbers on one line belong to one answer; each line is one of its own.
fn read_aadsts(text: &str) -> Vec<EntraRefusal> {
    let mut answers: Vec<EntraRefusal> = Vec::new();
    let starts: Vec<usize> = text.match_indices("AADSTS").map(|(at, _)| at).collect();
    for (index, start) in starts.iter().enumerate() {
        let end = starts.get(index + 1).copied().unwrap_or(text.len());
        let refusal = EntraRefusal::from_redirect("", &text[*start..end], None, None);
        let goes_on = index > 0 && !text[starts[index - 1]..*start].contains('\n');
        match answers.last_mut() {
            Some(answer) if goes_on && !refusal.codes.is_empty() => {
                answer.codes.extend(refusal.codes);
                answer.description = format!("{} {}", answer.description, refusal.description);
            }
            _ if refusal.codes.is_empty() => {}
            _ => answers.push(refusal),
        }
    }
    answers
}

/// Replies of an SMTP server, as servers, programs, logs and bounces write them.
fn read_smtp(text: &str) -> Vec<Failure> {
    let lines: Vec<SmtpRefusal> = text.lines().filter_map(read_smtp_line).collect();
    let mut found: Vec<SmtpRefusal> = Vec::new();
    for line in lines {
        match found.last_mut() {
            // The lines of one reply (RFC 5321 §4.2.1), or the same reply in a second line of a log.
            Some(last) if (last.code, &last.enhanced) == (line.code, &line.enhanced) => {
                if !last.text.contains(&line.text) {
                    last.text = printable(&format!("{} {}", last.text, line.text), TEXT_CHARS);
                }
            }
            _ => found.push(line),
        }
    }
    found.into_iter().map(Failure::from).collect()
}

fn read_smtp_line(line: &str) -> Option<SmtpRefusal> {
    let words: Vec<&str> = line.split(|c: char| c.is_whitespace() || "'\"(),;<>#-=".contains(c)).collect();
    let trimmed = |word: &&str| word.trim_end_matches(['.', ':']).to_owned();
    let enhanced = words.iter().map(trimmed).find(|word| is_enhanced(word));
    let code = words.iter().map(trimmed).find_map(|word| reply_code(&word));
    match (code, enhanced) {
        // Not always of one class, as RFC 3463 §2 has it: Exchange says 451 5.7.3 (additions A).
        (Some(code), Some(enhanced)) => Some(smtp_refusal(code, Some(&enhanced), line)),
        // Three numbers with dots are also a version of some program: without a reply code, its place must tell
        // (`#5.1.8`, or first on the line), or what is said beside it.
        (None, Some(enhanced)) => {
            let refusal = smtp_refusal(usual_code(&enhanced), Some(&enhanced), line);
            let stands_out =
                line.contains(&format!("#{enhanced}")) || line.trim_start().starts_with(&enhanced);
            let is_known = smtp::look_up(&refusal, None).is_some() && stands_out;
            (is_known || smtp::knows_text(&refusal)).then_some(refusal)
        }
        (code, None) if line.contains("SmtpClientAuthentication is disabled") => {
            Some(smtp_refusal(code.unwrap_or(535), None, line))
        }
        (Some(code), None) if begins_like_smtp(line) => Some(smtp_refusal(code, None, line)),
        _ => None,
    }
}

fn smtp_refusal(code: u16, enhanced: Option<&str>, text: &str) -> SmtpRefusal {
    SmtpRefusal {
        stage: if code == 535 { SmtpStage::Auth } else { SmtpStage::EndOfData },
        code,
        enhanced: enhanced.map(str::to_owned),
        text: printable(without_code(text, code, enhanced), TEXT_CHARS),
        challenge: None,
        recipient: None,
    }
}

/// The codes aren't said twice where the line begins with them.
fn without_code<'a>(line: &'a str, code: u16, enhanced: Option<&str>) -> &'a str {
    let code = code.to_string();
    // As it stands, or in Python's way: `(535, b'5.7.3 …')`.
    let rest = line.trim().trim_start_matches('(').trim_end_matches("')");
    let Some(rest) = rest.strip_prefix(code.as_str()) else { return line.trim() };
    let rest = rest.trim_start_matches(['-', ',', ' ']).trim_start_matches("b'");
    enhanced.and_then(|enhanced| rest.strip_prefix(enhanced)).map_or(rest, str::trim_start)
}

/// Codes of Graph's table as words of the text, but for those that an answer in it has told already.
fn read_graph_codes(text: &str, found: &[Failure]) -> Vec<Failure> {
    let is_told = |code: &str| found.iter().any(|known| known.code() == code);
    let codes = graph::find_codes(text).into_iter().filter(|code| !is_told(code));
    codes.map(|code| with_graph_code(code, text).into()).collect()
}

fn with_graph_code(code: &str, text: &str) -> GraphRefusal {
    let mut refusal = read_refusal(0, b"");
    refusal.code = code.to_owned();
    refusal.message = printable(text, TEXT_CHARS);
    refusal
}

fn without_repeats(failures: Vec<Failure>) -> Vec<Failure> {
    let mut kept: Vec<Failure> = Vec::new();
    for failure in failures {
        if !kept.contains(&failure) {
            kept.push(failure);
        }
    }
    kept
}

const TEXT_CHARS: usize = 2000;
/// The longest code of Graph's that was seen has 51.
const CODE_CHARS: usize = 80;
/// So many beginnings of JSON are tried in one text; the rest is read as plain text.
const MOST_BRACES: usize = 64;

/// Without an enhanced code, only a line that begins with a code that HTTP doesn't use, perhaps after the mark
/// with which a log says who spoke.
fn begins_like_smtp(line: &str) -> bool {
    let marks = ["S:", "<<<", "<--", "<-", "<~", "<", "server:", "SERVER:", "Server:"];
    let line = line.trim_start();
    let line = marks.iter().find_map(|mark| line.strip_prefix(mark)).unwrap_or(line).trim_start();
    let (code, rest) = line.split_at_checked(3).unwrap_or_default();
    code.parse().is_ok_and(is_smtps) && rest.starts_with([' ', '-']) && rest.len() > 1
}

/// The codes of SMTP that HTTP doesn't use.
fn is_smtps(code: u16) -> bool {
    matches!(code, 421 | 432 | 450..=455 | 521 | 530 | 534 | 535 | 538 | 550..=556)
}

/// The second digit of a reply is 5 at most (RFC 5321 §4.2): 587 is a port.
fn reply_code(word: &str) -> Option<u16> {
    word.parse().ok().filter(|code| word.len() == 3 && matches!(code, 400..=459 | 500..=559))
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
pub(super) fn usual_code(enhanced: &str) -> u16 {
    match enhanced {
        "5.7.3" | "5.7.139" => 535,
        "5.7.57" => 530,
        "5.3.4" => 552,
        "4.3.2" => 432,
        "4.4.1" | "4.4.2" => 421,
        _ if enhanced.starts_with('4') => 451,
        _ => 550,
    }
}
