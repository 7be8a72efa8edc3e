//! Every row of the table is met by a text that was recorded, and the words are fit to be shown.

use std::collections::HashSet;

use super::*;
use crate::failure::{EntraRefusal, LocalTrouble, NetworkKind, NetworkTrouble, SmtpRefusal, SmtpStage};
use crate::graph::read_refusal;

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
        login: text("login.microsoftonline.com"),
        provider: None,
        principal_id: None,
        sign_in,
    }
}

/// The most specific advice on a text.
#[track_caller]
fn first(text: &str, facts: &Facts) -> Advice {
    find(text, facts).into_iter().next().unwrap_or_else(|| panic!("nothing is found in: {text}"))
}

fn codes(text: &str) -> Vec<String> {
    find(text, &Facts::default()).into_iter().map(|advice| advice.code).collect()
}

fn name(turn: Turn) -> String {
    serde_json::to_value(turn).unwrap().as_str().unwrap().to_owned()
}

#[test]
fn every_recorded_text_gets_its_advice() {
    for said in said::sections() {
        let advice = first(&said.text, &facts(said.sign_in));
        assert_eq!(advice.code, said.code, "{}", said.text);
        assert_eq!(name(advice.turn), said.turn, "{}", said.text);
        let words = format!("{}\n{}", advice.cause, advice.fix);
        for part in &said.expected {
            assert!(words.contains(*part), "{} lacks {part:?}: {words}", said.code);
        }
    }
}

/// Where a `Words` lies tells which row it is.
fn place(words: &'static Words) -> usize {
    std::ptr::from_ref(words) as usize
}

#[test]
fn no_row_is_without_a_recorded_text() {
    let met: HashSet<usize> = said::sections()
        .flat_map(|said| paste::read(&said.text).into_iter().map(move |failure| (failure, said.sign_in)))
        .flat_map(|(failure, sign_in)| one_for_each_code(failure).into_iter().map(move |one| (one, sign_in)))
        .filter_map(|(failure, sign_in)| look_up(&failure, sign_in))
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
    for said in said::sections() {
        let advice = first(&said.text, &facts(said.sign_in));
        for text in [&advice.cause, &advice.fix] {
            assert!(!text.contains('{') && !text.contains('}') && !text.contains("  "), "{text}");
            assert!(text.ends_with(['.', ')']) && text.len() > 10, "{text}");
        }
        assert!(advice.turn != Turn::Wait || advice.temporary, "{advice:?}");
        let bare = first(&said.text, &Facts::default());
        assert!(!bare.fix.contains('{'), "{}", bare.fix);
    }
}

#[test]
fn statuses_speak_where_graph_gives_no_code() {
    for (status, turn, part) in [
        (413, Turn::Sender, "larger"),
        (429, Turn::Wait, "slows"),
        (500, Turn::Wait, "trouble of its own"),
        (408, Turn::PosternAdministrator, "may have been sent"),
        (502, Turn::PosternAdministrator, "may have been sent"),
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
    for (port, kind, detail, part) in [
        (
            443,
            NetworkKind::Tls,
            "invalid peer certificate: certificate not valid for name \"a\"",
            "another name",
        ),
        (
            443,
            NetworkKind::Tls,
            "invalid peer certificate: certificate expired: verification time",
            "time is over",
        ),
        (443, NetworkKind::Tls, "invalid peer certificate: UnknownIssuer", "isn't trusted"),
        (465, NetworkKind::Timeout, "nothing within 60 seconds", "STARTTLS"),
    ] {
        let trouble = NetworkTrouble::new(format!("mail.example:{port}"), kind, detail);
        let advice = explain(&trouble.into(), &facts(None));
        assert!(advice.cause.contains(part), "{}", advice.cause);
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
    for text in [
        "",
        "hello",
        "404",
        "it took 535 milliseconds",
        "1.2.3.4",
        "{}",
        "{\"error\":7}",
        "AADSTS",
        "12345",
        "PHPMailer 5.2.22 and 5.2.2 on port 587",
        "BadRequest",
        "Error",
        "Errors",
        "GitHub",
        "snake_case",
        "connect to the server",
        "{{{{{{{",
    ] {
        assert_eq!(find(text, &Facts::default()), [], "{text:?}");
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
        ("451 5.7.3 STARTTLS is required to send mail", "451 5.7.3"),
    ] {
        let advice = first(text, &Facts::default());
        assert_eq!(advice.code, code, "{text}");
        assert!(advice.cause.len() > 10);
    }
}

#[test]
fn of_several_codes_the_specific_one_is_first_and_none_is_left_out() {
    let answer = r#"{"error":"invalid_client","error_description":"AADSTS70002: Error validating credentials. AADSTS50032: RSA key size 1024 is less than the minimum required 2048 bits.","error_codes":[70002,50032]}"#;
    assert_eq!(codes(answer), ["AADSTS50032", "AADSTS70002"]);
    let page = "AADSTS70002: Error validating credentials. AADSTS50032: RSA key size 1024 is less.";
    assert_eq!(codes(page), ["AADSTS50032", "AADSTS70002"]);
    let log = "10:00 AADSTS4242: never seen\n10:01 AADSTS7000222: expired\n10:02 AADSTS7000222: expired\n10:03 (535, b'5.7.3 Authentication unsuccessful')";
    assert_eq!(codes(log), ["AADSTS7000222", "535 5.7.3", "AADSTS4242"]);
}

#[test]
fn a_dialog_is_read_for_what_was_refused_in_it() {
    let log = "2026-11-21 10:00:00 S: 220 SY5P282CA0097.outlook.office365.com Microsoft ESMTP MAIL Service ready\r\n\
        C: EHLO gate\r\nS: 250-SIZE 157286400\r\nS: 250 SMTPUTF8\r\nC: AUTH XOAUTH2\r\nS: 334\r\n\
        S: 535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox. Visit https://aka.ms/smtp_auth_disabled for more information. [X]\r\n\
        C: MAIL FROM:<relay@contoso.com>\r\nS: 530 5.7.57 Client not authenticated to send mail. Error: 535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox. [X]\r\n";
    assert_eq!(codes(log), ["535 5.7.139", "530 5.7.57"]);
    let lines = "<- 550-5.7.1 not\n<- 550 5.7.1 today\n";
    let found = find(lines, &Facts::default());
    assert_eq!(found.len(), 1, "the lines of one reply");
    assert!(found[0].says.contains("not") && found[0].says.contains("today"), "{}", found[0].says);
}

#[test]
fn a_bounce_is_read() {
    let bounce = "Delivery has failed to these recipients or groups:\n\nDiagnostic information for administrators:\n\
        Generating server: BYAPR17MB2920.namprd17.prod.outlook.com\n\nann@fabrikam.com\n\
        Remote server returned '550 5.7.708 Service unavailable. Access denied, traffic not accepted from this IP. AS(7230)'\n\
        Original message headers: X-Mailer: PHPMailer 5.2.2\n";
    assert_eq!(codes(bounce), ["550 5.7.708"]);
}

#[test]
fn json_is_found_inside_a_log_also_where_it_stands_in_a_string() {
    let answer = r#"{"error":{"code":"ErrorSendAsDenied","message":"no","innerError":{"request-id":"r-1"}}}"#;
    for text in [
        format!("level=error body={answer} status=403"),
        format!("first {{not json}} then {answer}"),
        format!("{{\"msg\":\"refused\",\"body\":\"{}\"}}", answer.replace('"', "\\\"")),
    ] {
        assert_eq!(codes(&text), ["ErrorSendAsDenied"], "{text}");
    }
}

#[test]
fn a_redirect_says_more_than_its_number() {
    let address = "https://localhost:4443/authorize?error=access_denied&error_subcode=cancel&error_description=AADSTS65004%3a+User+declined.%0d%0aTrace+ID%3a+t-1&state=x#";
    let advice = first(address, &Facts::default());
    assert_eq!(advice.code, "AADSTS65004");
    assert!(advice.says.contains("User declined."), "{}", advice.says);
}

#[test]
fn our_own_codes_and_kinds_are_explained_by_their_names() {
    for code in [
        "certificate_expired",
        "wrong_password",
        "needs_sign_in",
        "dns",
        "timeout",
        "invalid_grant",
        "http_503",
    ] {
        let advice = first(code, &Facts::default());
        assert_eq!((advice.code.as_str(), advice.known), (code, true));
    }
}

#[test]
fn what_the_text_itself_names_is_filled_in() {
    let text = "AADSTS50011: The redirect URI 'https://gate.example:4443/authorize' specified in the request does not match the redirect URIs configured for the application '11112222-aaaa-3333-bbbb-4444cccc5555'.";
    let advice = first(text, &Facts::default());
    assert!(advice.fix.contains("add exactly https://gate.example:4443/authorize"), "{}", advice.fix);
    assert!(
        advice.fix.contains("App registrations > 11112222-aaaa-3333-bbbb-4444cccc5555"),
        "{}",
        advice.fix
    );
}

#[test]
fn the_from_that_was_denied_is_the_messages_own() {
    let denied =
        "554 5.2.252 SendAsDenied; relay@contoso.com not allowed to send as printer@contoso.com; STOREDRV";
    let advice = first(denied, &facts(None));
    assert!(
        advice.fix.contains("Add-RecipientPermission printer@contoso.com -Trustee relay@contoso.com"),
        "{}",
        advice.fix
    );
}

#[test]
fn what_is_unknown_is_said_to_be() {
    let advice = first("AADSTS4242: A new sentence.", &Facts::default());
    assert!(!advice.known && advice.says.contains("A new sentence."));
    for (text, code) in [
        ("5.7.999", "550 5.7.999"),
        ("ErrorNeverSeen", "ErrorNeverSeen"),
        ("Request_NeverSeen", "Request_NeverSeen"),
        ("552", "552"),
    ] {
        let advice = first(text, &Facts::default());
        assert_eq!((advice.code.as_str(), advice.known), (code, false));
    }
    assert_eq!(first("ErrorNeverSeen", &Facts::default()).says, "Microsoft Graph answered ErrorNeverSeen");
    assert!(first("535", &Facts::default()).known, "a reply code alone is one");
}

#[test]
fn a_code_alone_is_given_the_words_that_microsoft_says_with_it() {
    let advice = first("700027", &Facts::default());
    assert_eq!(advice.code, "AADSTS700027");
    assert!(advice.says.starts_with("for example: Microsoft Entra ID refused"), "{}", advice.says);
    assert!(advice.says.contains("The key was not found"), "{}", advice.says);
    let says = |code: &str, words: &str| {
        let found = find(code, &Facts::default());
        assert!(found.iter().any(|advice| advice.says.contains(words)), "{code}: {found:?}");
        assert!(found.iter().all(|advice| advice.known && advice.code.ends_with(code)), "{code}: {found:?}");
        found.len()
    };
    assert!(says("535 5.7.139", "is disabled for the Tenant") >= 8);
    assert!(says("ErrorAccessDenied", "Access to OData is disabled.") >= 2);
    assert_eq!(says("5.2.252", "SendAsDenied"), 2);
    assert_eq!(says("ErrorSendAsDenied", "does not have the right to send mail"), 1);
    // Nobody noted these words, so none are shown.
    assert_eq!(first("50126", &Facts::default()).says, "Microsoft Entra ID refused: AADSTS50126");
    // A made-up name in the record is no fact about the account.
    let own = first("50011", &facts(None));
    assert!(own.fix.contains("add exactly https://gate.contoso.com:4443/authorize"), "{}", own.fix);
}

#[test]
fn a_kind_that_is_known_does_not_pass_for_the_code() {
    let body = r#"{"error":"invalid_grant","error_description":"AADSTS500341: The user account was deleted.","error_codes":[500341]}"#;
    let refusal = EntraRefusal::from_answer(400, body.as_bytes(), None);
    let advice = explain(&refusal.into(), &facts(None));
    assert!(!advice.known && advice.cause.contains("no longer valid"), "{advice:?}");
    assert!(advice.fix.contains("error?code=500341"), "{}", advice.fix);
    let tomorrow = br#"{"error":{"code":"ErrorOfTomorrow","message":"new"}}"#;
    for (status, part) in [(500, "trouble of its own"), (502, "may have been sent")] {
        let advice = explain(&read_refusal(status, tomorrow).into(), &facts(None));
        assert!(!advice.known && advice.cause.contains(part), "{advice:?}");
    }
    for (text, code) in [
        ("421 4.7.66 TLS 1.0 and 1.1 are not supported.", "421 4.7.66"),
        ("550 5.2.259 something new", "550 5.2.259"),
        ("535 5.7.999 something new", "535 5.7.999"),
    ] {
        let advice = first(text, &facts(None));
        assert_eq!((advice.code.as_str(), advice.known), (code, false), "{advice:?}");
    }
}

#[test]
fn the_redirect_uri_that_was_refused_is_the_one_to_add() {
    let page = "AADSTS50011: The redirect URI 'https://127.0.0.1:4443/authorize' specified in the request does not match";
    let advice = first(page, &facts(None));
    assert!(advice.fix.contains("add exactly https://127.0.0.1:4443/authorize"), "{}", advice.fix);
}

#[test]
fn the_sign_in_log_and_sentences_without_a_code_are_read() {
    for (text, code) in [
        ("Status\tFailure\nSign-in error code\t53003\nFailure reason\tblocked", "AADSTS53003"),
        ("see https://login.microsoftonline.com/error?code=700016 for it", "AADSTS700016"),
        ("{\"status\":{\"errorCode\":7000222}}", "AADSTS7000222"),
        ("It said: Access to OData is disabled. What now?", "ErrorAccessDenied"),
        (
            "the user account which was used to submit this request does not have the right to send mail on behalf of the specified sending account",
            "ErrorSendAsDenied",
        ),
        ("413 Request Entity Too Large", "http_413"),
    ] {
        assert_eq!(first(text, &Facts::default()).code, code, "{text}");
    }
    assert_eq!(codes("error code 12"), Vec::<String>::new());
}

#[test]
fn an_outcome_that_is_unknown_does_not_pass_by_waiting() {
    let lost = NetworkTrouble::new("smtp.office365.com:587", NetworkKind::AfterLastByte, "x");
    assert!(!explain(&lost.into(), &facts(None)).temporary);
    assert!(!explain(&read_refusal(504, b"").into(), &facts(None)).temporary);
    assert!(explain(&read_refusal(503, b"").into(), &facts(None)).temporary);
}

#[test]
fn another_cloud_is_not_sent_to_the_worldwide_pages() {
    let own = Facts {
        portal: Some("portal.azure.us".to_owned()),
        login: Some("login.microsoftonline.us".to_owned()),
        ..facts(None)
    };
    for text in ["ErrorServerBusy", "550 5.7.750", "AADSTS4242", "650052", "MailboxNotEnabledForRESTAPI"] {
        let fix = first(text, &own).fix;
        assert!(!fix.contains("admin.microsoft.com") && !fix.contains("microsoftonline.com"), "{fix}");
    }
}

#[test]
fn a_provider_of_ones_own_is_not_told_from_microsofts_pages() {
    let own = Facts { provider: Some("id.example".to_owned()), portal: None, ..facts(None) };
    let answer = |status, error: &str| {
        let body = format!(r#"{{"error":"{error}"}}"#);
        explain(&EntraRefusal::from_answer(status, body.as_bytes(), None).into(), &own)
    };
    for error in
        ["invalid_client", "invalid_grant", "invalid_request", "invalid_scope", "server_error", "odd", ""]
    {
        let told = answer(400, error);
        let words = format!("{} {}", told.cause, told.fix);
        assert!(!words.contains("Microsoft") && !words.contains("portal"), "{error}: {words}");
        assert_eq!(told.known, !matches!(error, "odd" | ""), "{error}: {told:?}");
    }
    assert!(answer(401, "invalid_client").fix.contains("client_secret_post"));
    let outage = explain(&EntraRefusal::from_answer(503, b"<html>", None).into(), &own);
    assert_eq!((outage.turn, outage.known), (Turn::Wait, true));
}
