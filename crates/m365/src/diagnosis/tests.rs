//! Every row of the table is met by a text that was recorded, and the words are fit to be shown.

use std::collections::HashSet;

use super::*;
use crate::failure::{EntraRefusal, LocalTrouble, NetworkKind, NetworkTrouble, SmtpRefusal, SmtpStage};
use crate::graph::read_refusal;

struct Recorded {
    code: String,
    turn: String,
    sign_in: Option<SignIn>,
    expected: Vec<String>,
    text: String,
}

fn recorded() -> Vec<Recorded> {
    let sections = include_str!("recorded.txt").split("\n\n").skip(1);
    sections.map(read_section).collect()
}

fn read_section(section: &str) -> Recorded {
    let (title, rest) = section.split_once('\n').unwrap();
    let turns = ["tenant_administrator", "postern_administrator", "sender", "wait"];
    let turn = turns.iter().find(|turn| title.contains(*turn)).unwrap_or_else(|| panic!("{title}"));
    let (code, sign_in) = title.trim_start_matches("# ").split_once(turn).unwrap();
    let expected = rest.lines().filter_map(|line| line.strip_prefix("> ")).map(str::to_owned).collect();
    let text: Vec<&str> = rest.lines().filter(|line| !line.starts_with("> ")).collect();
    Recorded {
        code: code.trim().to_owned(),
        turn: (*turn).to_owned(),
        sign_in: match sign_in.trim() {
            "application" => Some(SignIn::Application),
            "delegated" => Some(SignIn::Delegated),
            _ => None,
        },
        expected,
        text: text.join("\n").trim().to_owned(),
    }
}

fn facts(sign_in: Option<SignIn>) -> Facts {
    let text = |text: &str| Some(text.to_owned());
    Facts {
        client_id: text("CLIENT"),
        tenant: text("contoso.com"),
        thumbprint_sha1: text("THUMBPRINT"),
        redirect_uri: text("https://gate.contoso.com:4443/authorize"),
        mailbox: text("relay@contoso.com"),
        from: text("ann@contoso.com"),
        permission: text("Mail.Send (Delegated)"),
        portal: text("portal.azure.com"),
        sign_in,
    }
}

fn name(turn: Turn) -> String {
    serde_json::to_value(turn).unwrap().as_str().unwrap().to_owned()
}

#[test]
fn every_recorded_text_gets_its_advice() {
    for said in recorded() {
        let advice = find(&said.text, &facts(said.sign_in)).unwrap_or_else(|| panic!("{}", said.text));
        assert_eq!(advice.code, said.code, "{}", said.text);
        assert_eq!(name(advice.turn), said.turn, "{}", said.text);
        let words = format!("{}\n{}", advice.cause, advice.fix);
        for part in &said.expected {
            assert!(words.contains(part), "{} lacks {part:?}: {words}", said.code);
        }
    }
}

/// Where a `Words` lies tells which row it is.
fn place(words: &'static Words) -> usize {
    std::ptr::from_ref(words) as usize
}

#[test]
fn no_row_is_without_a_recorded_text() {
    let met: HashSet<usize> = recorded()
        .iter()
        .filter_map(|said| look_up(&paste::read(&said.text)?, said.sign_in))
        .map(place)
        .collect();
    let numbered = entra::tables().map(|row| (row.number.to_string(), &row.words));
    let families = entra::families().map(|words| (words.cause.to_owned(), words));
    let graph = graph::rows_by_code().map(|(code, words)| (code.to_owned(), words));
    let smtp = smtp::rows_of_any_stage().map(|words| (words.cause.to_owned(), words));
    for (row, words) in numbered.chain(families).chain(graph).chain(smtp) {
        assert!(met.contains(&place(words)), "no recorded text meets the row {row}");
    }
}

#[test]
fn no_advice_leaves_a_gap_unfilled_or_waits_for_what_does_not_pass() {
    for said in recorded() {
        let advice = find(&said.text, &facts(said.sign_in)).unwrap();
        for text in [&advice.cause, &advice.fix] {
            assert!(!text.contains('{') && !text.contains('}') && !text.contains("  "), "{text}");
            assert!(text.ends_with(['.', ')']) && text.len() > 10, "{text}");
        }
        assert!(advice.turn != Turn::Wait || advice.temporary, "{advice:?}");
        let bare = find(&said.text, &Facts::default()).unwrap();
        assert!(!bare.fix.contains('{'), "{}", bare.fix);
    }
}

#[test]
fn statuses_speak_where_graph_gives_no_code() {
    for (status, turn, part) in [
        (413, Turn::Sender, "larger"),
        (429, Turn::Wait, "slows"),
        (500, Turn::Wait, "trouble of its own"),
        (502, Turn::Wait, "trouble of its own"),
        (503, Turn::Wait, "trouble of its own"),
        (504, Turn::PosternAdministrator, "may have been sent"),
        (507, Turn::TenantAdministrator, "full"),
        (200, Turn::Sender, "only 202 means sent"),
    ] {
        let advice = explain(&read_refusal(status, b"").into(), &facts(None));
        assert_eq!(advice.turn, turn, "{status}");
        assert!(advice.cause.contains(part), "{status}: {}", advice.cause);
    }
}

#[test]
fn the_stage_of_the_dialog_counts() {
    let at = |stage, code, enhanced: Option<&str>| {
        let text = "no".to_owned();
        let enhanced = enhanced.map(str::to_owned);
        let refusal = SmtpRefusal { stage, code, enhanced, text, challenge: None, recipient: None };
        explain(&refusal.into(), &facts(None)).cause
    };
    assert!(at(SmtpStage::Greeting, 554, None).contains("doesn't want to speak"));
    assert!(at(SmtpStage::RcptTo, 550, Some("5.1.1")).contains("doesn't know this recipient"));
    assert!(at(SmtpStage::EndOfData, 554, None).contains("doesn't know this answer"));
}

#[test]
fn what_came_inside_a_334_is_shown() {
    let refusal = SmtpRefusal {
        stage: SmtpStage::Auth,
        code: 535,
        enhanced: Some("5.7.8".to_owned()),
        text: "no".to_owned(),
        challenge: Some(r#"{"status":"401"}"#.to_owned()),
        recipient: None,
    };
    let advice = explain(&refusal.into(), &facts(None));
    assert!(advice.says.contains(r#"{"status":"401"}"#), "{}", advice.says);
}

#[test]
fn an_unknown_answer_is_passed_on_whole_and_never_guessed() {
    let body = r#"{"error":"never_seen","error_description":"AADSTS4242: A new sentence. Trace ID: t-1 Correlation ID: c-1"}"#;
    let refusal = EntraRefusal::from_answer(400, body.as_bytes(), None);
    let advice = explain(&refusal.into(), &facts(None));
    assert_eq!(advice.code, "AADSTS4242");
    assert!(advice.says.contains("A new sentence."));
    assert!(advice.cause.contains("doesn't know this answer"));
    assert!(advice.fix.contains("https://login.microsoftonline.com/error?code=4242"));
    assert!(advice.fix.contains("t-1"), "{}", advice.fix);
    let advice =
        explain(&read_refusal(418, br#"{"error":{"code":"Odd","message":"x"}}"#).into(), &facts(None));
    assert_eq!((advice.code.as_str(), advice.turn), ("Odd", Turn::PosternAdministrator));
}

#[test]
fn every_kind_of_network_trouble_names_whom_we_called() {
    for kind in [
        NetworkKind::Dns,
        NetworkKind::Connect,
        NetworkKind::Tls,
        NetworkKind::Proxy,
        NetworkKind::Timeout,
        NetworkKind::Reset,
        NetworkKind::AfterLastByte,
        NetworkKind::Unreadable,
    ] {
        let trouble = NetworkTrouble::new("smtp.office365.com:587", kind, "x");
        let advice = explain(&trouble.into(), &facts(None));
        assert_eq!(advice.code, kind.name());
        assert!(advice.cause.contains("smtp.office365.com:587"), "{}", advice.cause);
    }
    let to_graph = NetworkTrouble::new("graph.microsoft.com:443", NetworkKind::Connect, "x");
    assert!(!explain(&to_graph.into(), &facts(None)).cause.contains("587"));
}

#[test]
fn our_own_troubles_speak_for_themselves() {
    let trouble = LocalTrouble::new("bare_line_break", "the message is odd", "Mend the program.");
    let advice = explain(&trouble.into(), &facts(None));
    assert_eq!((advice.cause.as_str(), advice.fix.as_str()), ("the message is odd", "Mend the program."));
    assert_eq!(advice.turn, Turn::Sender);
    let trouble = LocalTrouble::new("grant_not_stored", "disk full", "Make room.");
    assert_eq!(explain(&trouble.into(), &facts(None)).turn, Turn::Wait);
}

#[test]
fn what_tells_nothing_finds_nothing() {
    for text in
        ["", "hello", "404", "it took 535 milliseconds", "1.2.3.4", "{}", "{\"error\":7}", "AADSTS", "12345"]
    {
        assert_eq!(find(text, &Facts::default()), None, "{text:?}");
    }
}

#[test]
fn a_text_is_found_in_whatever_surrounds_it() {
    for (text, code) in [
        (
            "2026-11-21 postern: token: AADSTS7000222: The provided client secret keys are expired.",
            "AADSTS7000222",
        ),
        ("see https://login.microsoftonline.com/error?code=x AADSTS50011", "AADSTS50011"),
        (" 700027\n", "AADSTS700027"),
        ("answer: {\"error\":{\"code\":\"ErrorSendAsDenied\",\"message\":\"x\"}} (403)", "ErrorSendAsDenied"),
        ("Send failed with MailboxNotEnabledForRESTAPI!", "MailboxNotEnabledForRESTAPI"),
        ("Remote Server returned '550 5.7.708 Service unavailable'", "550 5.7.708"),
        ("#5.1.8 bad outbound sender", "550 5.1.8"),
        ("SmtpClientAuthentication is disabled for the Tenant", "535"),
        ("550-5.7.1 no\r\n550 5.7.1 way", "550 5.7.1"),
    ] {
        let advice = find(text, &Facts::default()).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(advice.code, code, "{text}");
        assert!(advice.cause.len() > 10);
    }
}
