//! Content in pieces, envelopes in one go, several messages over one session.

use std::sync::atomic::Ordering;

use mail::dsn_request::Ret;

use super::*;
use crate::parcel::RecipientReports;
use crate::smtp::session::Session;

/// Logged in at a server that offers everything that Exchange Online offers, or some of it.
fn logged_in(offered: &[&str]) -> String {
    let list: String = offered.iter().map(|one| format!("S: 250-{one}\n")).collect();
    let (greeting, _) = GREETING.split_once("\n    TLS\n").unwrap();
    format!("{greeting}\nTLS\nC: EHLO gate.contoso.com\nS: 250-hello\n{list}S: 250 AUTH XOAUTH2\n{LOGGED_IN}")
}

async fn open(server: &ScriptedSmtp) -> Session {
    let conn = scripted::connection("http://localhost:1", server.port);
    let (mailbox, token) = ("relay@contoso.com".parse().unwrap(), AccessToken::new("token"));
    let login = Login { mailbox: &mailbox, token: &token };
    Session::open(&Server::of_cloud(&conn, "gate.contoso.com").with_timeouts(limits()), &login).await.unwrap()
}

async fn deliver(session: &mut Session, from: Option<&str>, to: &[&str], content: &Cut) -> Handover {
    deliver_with(session, from, to, content, Reports::default()).await
}

async fn deliver_with(
    session: &mut Session,
    from: Option<&str>,
    to: &[&str],
    content: &Cut,
    reports: Reports<'_>,
) -> Handover {
    let to: Vec<Address> = to.iter().map(|address| address.parse().unwrap()).collect();
    let envelope = Envelope::new(from.map(|from| from.parse().unwrap()), to).unwrap();
    let parcel =
        Parcel { envelope: &envelope, message_id: None, content, return_path: ReturnPath::Envelope, reports };
    session.deliver(&Letter { from: envelope.from(), parcel: &parcel }).await
}

const RELAY: Option<&str> = Some("relay@contoso.com");

/// Lines that begin with dots, and more of them than one block.
fn long_message(octets: usize) -> String {
    let mut message = "Subject: long\r\n\r\n".to_owned();
    while message.len() < octets {
        message += ".a line that begins with a dot and goes on for a while, as lines do in mail\r\n";
    }
    message
}

#[tokio::test]
async fn the_whole_envelope_is_said_before_the_first_verdict_is_read() {
    let dialog = "
        C: MAIL FROM:<relay@contoso.com>
        C: RCPT TO:<ann@fabrikam.com>
        C: RCPT TO:<bad@fabrikam.com>
        C: DATA
        S: 250 2.1.0 Sender OK
        S: 250 2.1.5 Recipient OK
        S: 550 5.1.1 No such user
        S: 354 go on
        MESSAGE
        S: 250 2.0.0 OK <id@x>
    ";
    let server = ScriptedSmtp::play(&[&logged_in(&["PIPELINING"]), dialog, BYE].concat()).await;
    let mut session = open(&server).await;
    let to = ["ann@fabrikam.com", "bad@fabrikam.com"];
    let handover = deliver(&mut session, RELAY, &to, &Cut::whole(MESSAGE)).await;
    assert_eq!(handover.ended.unwrap().as_deref(), Some("<id@x>"));
    assert_eq!(handover.refused[0].recipient.as_ref().unwrap().as_str(), "bad@fabrikam.com");
    session.close().await;
    server.heard().await;
}

#[tokio::test]
async fn after_a_refused_sender_every_verdict_is_read_and_the_session_serves_the_next() {
    let dialog = "
        C: MAIL FROM:<relay@contoso.com>
        C: RCPT TO:<ann@fabrikam.com>
        C: DATA
        S: 501 5.1.7 Invalid address
        S: 503 5.5.2 Need mail command
        S: 503 5.5.2 Need mail command
        C: MAIL FROM:<relay@contoso.com>
        C: RCPT TO:<ann@fabrikam.com>
        C: DATA
        S: 250 2.1.0 Sender OK
        S: 250 2.1.5 Recipient OK
        S: 354 go on
        MESSAGE
        S: 250 2.0.0 OK
    ";
    let server = ScriptedSmtp::play(&[&logged_in(&["PIPELINING"]), dialog, BYE].concat()).await;
    let mut session = open(&server).await;
    let refused = deliver(&mut session, RELAY, &["ann@fabrikam.com"], &Cut::whole(MESSAGE)).await;
    assert_eq!(refused.ended.unwrap_err().code(), "501 5.1.7");
    let accepted = deliver(&mut session, RELAY, &["ann@fabrikam.com"], &Cut::whole(MESSAGE)).await;
    assert_eq!(accepted.ended, Ok(None));
    session.close().await;
    server.heard().await;
}

#[tokio::test]
async fn where_nobody_was_accepted_a_server_that_waits_for_the_message_gets_none() {
    let dialog = "
        C: MAIL FROM:<relay@contoso.com>
        C: RCPT TO:<bad@fabrikam.com>
        C: RCPT TO:<late@fabrikam.com>
        C: DATA
        S: 250 2.1.0 Sender OK
        S: 550 5.1.1 No such user
        S: 451 4.7.1 Greylisted
        S: 354 go on
        REST
    ";
    let server = ScriptedSmtp::play(&[&logged_in(&["PIPELINING"]), dialog].concat()).await;
    let mut session = open(&server).await;
    let to = ["bad@fabrikam.com", "late@fabrikam.com"];
    let handover = deliver(&mut session, RELAY, &to, &Cut::whole(MESSAGE)).await;
    assert_eq!(handover.ended.unwrap_err().code(), "451 4.7.1", "what may pass outweighs what won't");
    assert_eq!(handover.refused.len(), 2);
    assert!(!session.is_good_for_more());
    session.close().await;
    assert_eq!(server.heard().await.messages, [""]);
}

#[tokio::test]
async fn a_chunk_goes_as_it_is_in_whatever_pieces_it_comes() {
    let message = long_message(300_000);
    let dialog = format!(
        "C: MAIL FROM:<relay@contoso.com>\nC: RCPT TO:<ann@fabrikam.com>\nS: 250 OK\nS: 250 OK\n\
         C: BDAT {} LAST\nCHUNK\nS: 250 2.0.0 OK <id@x>\n",
        message.len()
    );
    for piece_octets in [1000, 99_999, 400_000] {
        let server =
            ScriptedSmtp::play(&[&logged_in(&["PIPELINING", "CHUNKING"]), &dialog, BYE].concat()).await;
        let mut session = open(&server).await;
        let content = Cut::into_pieces(message.as_str(), piece_octets);
        let handover = deliver(&mut session, RELAY, &["ann@fabrikam.com"], &content).await;
        assert_eq!(handover.ended.unwrap().as_deref(), Some("<id@x>"));
        session.close().await;
        assert_eq!(server.heard().await.messages, [message.as_str()]);
    }
}

#[tokio::test]
async fn of_thirty_five_megabytes_two_pieces_are_held() {
    let message = long_message(35_000_000);
    let dialog = "
        C~ MAIL FROM
        S: 250 OK
        C~ RCPT TO
        S: 250 OK
        C~ BDAT
        CHUNK
        S: 250 OK
    ";
    let server = ScriptedSmtp::play(&[&logged_in(&["CHUNKING"]), dialog, BYE].concat()).await;
    let mut session = open(&server).await;
    let content = Cut::whole(message.as_str());
    let handover = deliver(&mut session, RELAY, &["ann@fabrikam.com"], &content).await;
    assert_eq!(handover.ended, Ok(None));
    session.close().await;
    assert!(server.heard().await.messages[0] == message);
    assert!(content.alive.most.load(Ordering::SeqCst) <= 2);
}

#[tokio::test]
async fn a_large_message_is_stuffed_piece_by_piece_and_never_held_whole() {
    let message = long_message(3_000_000);
    let content = Cut::into_pieces(message.as_str(), 100_000);
    let dialog = "
        C~ MAIL FROM
        S: 250 OK
        C~ RCPT TO
        S: 250 OK
        C: DATA
        S: 354 go on
        MESSAGE
        S: 250 OK
    ";
    let server = ScriptedSmtp::play(&[&logged_in(&[]), dialog, BYE].concat()).await;
    let mut session = open(&server).await;
    let handover = deliver(&mut session, RELAY, &["ann@fabrikam.com"], &content).await;
    assert_eq!(handover.ended, Ok(None));
    session.close().await;
    assert_eq!(server.heard().await.messages, [message.replace("\r\n.", "\r\n..")]);
    assert!(content.alive.most.load(Ordering::SeqCst) <= 2);
}

#[tokio::test]
async fn a_bare_line_break_far_into_the_message_cuts_it_without_an_end() {
    let mut message = long_message(200_000);
    message.insert(150_000, '\n');
    let dialog = "
        C~ MAIL FROM
        S: 250 OK
        C~ RCPT TO
        S: 250 OK
        C: DATA
        S: 354 go on
        REST
    ";
    let server = ScriptedSmtp::play(&[&logged_in(&[]), dialog].concat()).await;
    let mut session = open(&server).await;
    let content = Cut::into_pieces(message, 50_000);
    let handover = deliver(&mut session, RELAY, &["ann@fabrikam.com"], &content).await;
    assert_eq!(handover.ended.unwrap_err().code(), "bare_line_break");
    session.close().await;
    let rest = &server.heard().await.messages[0];
    assert!(rest.len() < 200_000 && !rest.ends_with("\r\n.\r\n"));
}

#[tokio::test]
async fn a_store_that_fails_in_the_middle_cuts_the_message_and_it_is_tried_again() {
    let dialog = "
        C~ MAIL FROM
        S: 250 OK
        C~ RCPT TO
        S: 250 OK
        C~ BDAT
        REST
    ";
    let server = ScriptedSmtp::play(&[&logged_in(&["CHUNKING"]), dialog].concat()).await;
    let mut session = open(&server).await;
    let mut content = Cut::into_pieces(long_message(200_000), 50_000);
    content.broken = Some(2);
    let handover = deliver(&mut session, RELAY, &["ann@fabrikam.com"], &content).await;
    let failure = handover.ended.unwrap_err();
    assert!(failure.is_temporary());
    assert_eq!(failure.code(), "content_unreadable");
    session.close().await;
    assert!(server.heard().await.messages[0].len() < 200_000);
}

#[tokio::test]
async fn a_connection_that_is_cut_in_the_middle_has_delivered_nothing() {
    let dialog = "
        C~ MAIL FROM
        S: 250 OK
        C~ RCPT TO
        S: 250 OK
        C: DATA
        S: 354 go on
        READ 100000
        CLOSE
    ";
    let server = ScriptedSmtp::play(&[&logged_in(&[]), dialog].concat()).await;
    let mut session = open(&server).await;
    let content = Cut::into_pieces(long_message(20_000_000), 100_000);
    let handover = deliver(&mut session, RELAY, &["ann@fabrikam.com"], &content).await;
    assert_eq!(handover.ended.unwrap_err().code(), "reset");
    server.heard().await;
}

#[tokio::test]
async fn a_verdict_that_was_heard_before_the_server_hung_up_stands() {
    let to = ["ann@fabrikam.com", "bye@fabrikam.com", "cyd@fabrikam.com"];
    for (offered, rest) in [
        (&[][..], "C~ RCPT TO:<bye\nS: 550 5.1.1 no\nCLOSE\n"),
        (&["PIPELINING"][..], "C~ RCPT TO:<bye\nC~ RCPT TO:<cyd\nC: DATA\nS: 550 5.1.1 no\nCLOSE\n"),
    ] {
        let (first, asked) = match offered.is_empty() {
            true => ("C~ MAIL FROM\nS: 250 OK\nC~ RCPT TO:<ann\nS: 250 OK\n", rest.to_owned()),
            false => {
                ("C~ MAIL FROM\nC~ RCPT TO:<ann\n", rest.replace("S: 550", "S: 250 OK\nS: 250 OK\nS: 550"))
            }
        };
        let server = ScriptedSmtp::play(&[&logged_in(offered), first, asked.as_str()].concat()).await;
        let mut session = open(&server).await;
        let handover = deliver(&mut session, RELAY, &to, &Cut::whole(MESSAGE)).await;
        assert_eq!(handover.ended.unwrap_err().code(), "reset");
        let refused: Vec<String> = handover.refused.iter().map(|one| format!("{one}")).collect();
        assert!(refused.len() == 1 && refused[0].contains("550 5.1.1"), "{refused:?}");
        server.heard().await;
    }
}

#[tokio::test]
async fn an_answer_in_the_middle_of_the_message_is_the_verdict() {
    let dialog = "
        C~ MAIL FROM
        S: 250 OK
        C~ RCPT TO
        S: 250 OK
        C: DATA
        S: 354 go on
        READ 1000
        S: 552 5.3.4 Header size exceeds fixed maximum size
        REST
    ";
    let server = ScriptedSmtp::play(&[&logged_in(&[]), dialog].concat()).await;
    let mut session = open(&server).await;
    let content = Cut::into_pieces(long_message(1_000_000), 100_000);
    let handover = deliver(&mut session, RELAY, &["ann@fabrikam.com"], &content).await;
    assert_eq!(handover.ended.unwrap_err().code(), "552 5.3.4");
    drop(session);
    server.heard().await;
}

#[tokio::test]
async fn what_the_submitter_asked_to_be_told_is_passed_on_where_dsn_is_offered() {
    let recipients = [
        RecipientReports {
            notify: Some("SUCCESS,DELAY".parse().unwrap()),
            orcpt: Some("rfc822;ann+2Bhome@fabrikam.com".parse().unwrap()),
        },
        RecipientReports::default(),
    ];
    let envid = "QQ314159".parse().unwrap();
    let reports = Reports { ret: Some(Ret::Headers), envid: Some(&envid), recipients: &recipients };
    for (offered, mail, rcpt) in [
        (
            &["DSN"][..],
            "MAIL FROM:<> RET=HDRS ENVID=QQ314159",
            "RCPT TO:<ann@fabrikam.com> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;ann+2Bhome@fabrikam.com",
        ),
        (&[], "MAIL FROM:<>", "RCPT TO:<ann@fabrikam.com>"),
    ] {
        let dialog = format!(
            "C: {mail}\nS: 250 OK\nC: {rcpt}\nS: 250 OK\nC: RCPT TO:<bob@fabrikam.com>\nS: 250 OK\n\
             C: DATA\nS: 354 go\nMESSAGE\nS: 250 OK\n"
        );
        let server = ScriptedSmtp::play(&[&logged_in(offered), dialog.as_str(), BYE].concat()).await;
        let mut session = open(&server).await;
        let to = ["ann@fabrikam.com", "bob@fabrikam.com"];
        let handover = deliver_with(&mut session, None, &to, &Cut::whole(MESSAGE), reports).await;
        assert_eq!(handover.ended, Ok(None));
        assert_eq!(handover.reports, if offered.is_empty() { ReportsBy::Us } else { ReportsBy::Them });
        session.close().await;
        server.heard().await;
    }
}

#[tokio::test]
async fn more_recipients_than_exchange_takes_at_once_are_left_for_the_next_time() {
    let to: Vec<String> = (0..502).map(|number| format!("user{number}@fabrikam.com")).collect();
    let to: Vec<&str> = to.iter().map(String::as_str).collect();
    let dialog = format!(
        "C~ MAIL FROM\n{}{}{}",
        "C~ RCPT TO\n".repeat(99) + &"S: 250 OK\n".repeat(100),
        ("C~ RCPT TO\n".repeat(100) + &"S: 250 OK\n".repeat(100)).repeat(4),
        "C: RCPT TO:<user499@fabrikam.com>\nC: DATA\nS: 250 OK\nS: 354 go\nMESSAGE\nS: 250 OK\n",
    );
    let server = ScriptedSmtp::play(&[&logged_in(&["PIPELINING"]), dialog.as_str(), BYE].concat()).await;
    let mut session = open(&server).await;
    let handover = deliver(&mut session, RELAY, &to, &Cut::whole(MESSAGE)).await;
    assert_eq!(handover.ended, Ok(None));
    let left_over: Vec<&str> = handover.left_over.iter().map(Address::as_str).collect();
    assert_eq!(left_over, ["user500@fabrikam.com", "user501@fabrikam.com"]);
    session.close().await;
    server.heard().await;
}
