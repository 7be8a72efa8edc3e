//! Deliveries to scripted servers: tokens asked for, sessions kept, and the end of each try.

use std::time::Duration;

use mail::{Envelope, Outcome, Scope};
use serde_json::json;

use super::*;
use crate::grant_keeper::{GrantKeeper, Kept};
use crate::parcel::Reports;
use crate::parcel::testing::Cut;
use crate::scripted;
use crate::scripted::http::{Play, Request, ScriptedHttp, answer, answer_with};
use crate::scripted::smtp::{Heard, ScriptedSmtp};
use crate::secret::RefreshToken;
use crate::smtp::pool::MAX_IDLE;
use crate::testing::{self, now, refusal, token_answer};

const MESSAGE: &str = "Subject: hello\r\n\r\nbye\r\n";

/// Applications have no grant.
struct NoGrant;

impl GrantKeeper for NoGrant {
    fn load<'a>(&'a self, _: &'a str, _: i64) -> Kept<'a, Option<RefreshToken>> {
        Box::pin(async { Ok(None) })
    }

    fn replace<'a>(&'a self, _: &'a str, _: i64, _: RefreshToken, _: OffsetDateTime) -> Kept<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}

/// An application's account and a courier for it.
struct Lab {
    connection: Arc<Connection>,
    account: Arc<Account>,
    courier: Courier,
    mailbox: Address,
    envelope: Envelope,
}

impl Lab {
    fn new(login_and_graph: &str, smtp_port: u16) -> Lab {
        let connection = Arc::new(scripted::connection(login_and_graph, smtp_port));
        let mailbox: Address = "relay@contoso.com".parse().unwrap();
        let account = Account {
            cloud: Arc::clone(connection.cloud()),
            sign_in: SignIn::Application,
            from: Some(mailbox.clone()),
            ..testing::account(login_and_graph)
        };
        let to: Vec<Address> = vec!["ann@fabrikam.com".parse().unwrap(), "bob@fabrikam.com".parse().unwrap()];
        Lab {
            connection,
            account: Arc::new(account),
            courier: Courier::new(Tokens::new(Arc::new(NoGrant)), "gate.contoso.com"),
            envelope: Envelope::new(Some(mailbox.clone()), to).unwrap(),
            mailbox,
        }
    }

    fn origin(&self) -> Origin<'_> {
        Origin { connection: &self.connection, account: &self.account, mailbox: &self.mailbox }
    }

    async fn deliver(&self, transport: Transport) -> Delivery {
        let content = Cut::whole(MESSAGE);
        let parcel = Parcel {
            envelope: &self.envelope,
            message_id: None,
            content: &content,
            return_path: ReturnPath::Envelope,
            reports: Reports::default(),
        };
        self.courier.deliver(&self.origin(), transport, &parcel, now()).await
    }
}

async fn by_graph(plays: impl IntoIterator<Item = Play>) -> (Delivery, Vec<Request>) {
    let server = ScriptedHttp::play(plays).await;
    let delivery = Lab::new(&server.url, 1).deliver(Transport::Graph).await;
    (delivery, server.requests().await)
}

/// One message for each connection of the script, one after the other.
async fn by_smtp(tokens: usize, messages: usize, script: &str) -> (Vec<Delivery>, Heard) {
    let login = ScriptedHttp::play((0..tokens).map(|number| token_answer(&format!("t{number}"), None))).await;
    let server = ScriptedSmtp::play(script).await;
    let lab = Lab::new(&login.url, server.port);
    let mut deliveries = Vec::new();
    for _ in 0..messages {
        deliveries.push(lab.deliver(Transport::Smtp).await);
    }
    lab.courier.close().await;
    login.requests().await;
    (deliveries, server.heard().await)
}

fn name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Delivered { .. } => "delivered",
        Outcome::Retry { scope: Scope::Message, .. } => "retry",
        Outcome::Retry { scope: Scope::Mailbox, .. } => "retry_mailbox",
        Outcome::Retry { scope: Scope::Account, .. } => "retry_account",
        Outcome::Rejected { .. } => "rejected",
        Outcome::AccountBroken { .. } => "account_broken",
        Outcome::Unknown { .. } => "unknown",
    }
}

fn outcome_of(delivery: &Delivery) -> &'static str {
    name(&delivery.attempted.outcome)
}

const HELLO: &str = "
    S: 220 ready
    C~ EHLO
    S: 250-hello
    S: 250 STARTTLS
    C: STARTTLS
    S: 220 go
    TLS
    C~ EHLO
    S: 250-hello
    S: 250-PIPELINING
    S: 250 AUTH XOAUTH2
    C~ AUTH XOAUTH2
";
const WELCOME: &str = "    S: 235 2.7.0 Authentication successful\n";
const ACCEPTED: &str = "
    C~ MAIL FROM
    C~ RCPT TO
    C~ RCPT TO
    C: DATA
    S: 250 OK
    S: 250 OK
    S: 250 OK
    S: 354 go
    MESSAGE
    S: 250 2.0.0 OK <id@x>
";
const BYE: &str = "    C: QUIT\n    S: 221 bye\n";

#[tokio::test]
async fn a_token_is_asked_for_once_and_serves_every_message() {
    let server = ScriptedHttp::play([token_answer("t", None), answer(202, ""), answer(202, "")]).await;
    let lab = Lab::new(&server.url, 1);
    for _ in 0..2 {
        assert_eq!(outcome_of(&lab.deliver(Transport::Graph).await), "delivered");
    }
    let requests = server.requests().await;
    assert_eq!(requests[2].line, "POST /v1.0/users/relay@contoso.com/sendMail");
}

#[tokio::test]
async fn a_token_that_expires_in_mid_flight_is_renewed_once_and_the_message_goes() {
    let expired = || answer(401, r#"{"error":{"code":"InvalidAuthenticationToken","message":"expired"}}"#);
    let (delivery, requests) =
        by_graph([token_answer("old", None), expired(), token_answer("new", None), answer(202, "")]).await;
    assert_eq!(outcome_of(&delivery), "delivered");
    assert_eq!(requests[3].header("authorization"), Some("Bearer new"));
    let (delivery, _) =
        by_graph([token_answer("old", None), expired(), token_answer("new", None), expired()]).await;
    assert_eq!(outcome_of(&delivery), "account_broken");
    assert_eq!(delivery.failure.unwrap().code(), "InvalidAuthenticationToken");
}

#[tokio::test]
async fn each_answer_of_graph_has_its_end() {
    for (play, expected) in [
        (answer(202, ""), "delivered"),
        (answer(200, ""), "rejected"),
        (answer(413, "<html>too large</html>"), "rejected"),
        (answer(403, r#"{"error":{"code":"ErrorSendAsDenied"}}"#), "rejected"),
        (answer_with(429, &[("ReTry-aFter", "30")], ""), "retry_mailbox"),
        (answer(503, ""), "retry"),
        (answer(504, ""), "unknown"),
        (Play::HangUp, "unknown"),
        (answer(403, r#"{"error":{"code":"ErrorExceededMessageLimit"}}"#), "retry_mailbox"),
        (answer(507, r#"{"error":{"code":"ErrorQuotaExceeded"}}"#), "retry_mailbox"),
    ] {
        let told = format!("{play:?}");
        let (delivery, _) = by_graph([token_answer("t", None), play]).await;
        assert_eq!(outcome_of(&delivery), expected, "{told}");
    }
}

#[tokio::test]
async fn a_pause_that_was_asked_for_is_a_time_before_which_nothing_is_tried() {
    let busy = answer_with(429, &[("retry-after", "30")], r#"{"error":{"code":"ApplicationThrottled"}}"#);
    let (delivery, _) = by_graph([token_answer("t", None), busy]).await;
    let Outcome::Retry { not_before, why, .. } = delivery.attempted.outcome else {
        panic!("it is throttled")
    };
    assert_eq!(not_before, Some(now() + Duration::from_secs(30)));
    assert_eq!(why.code, "ApplicationThrottled");
}

#[tokio::test]
async fn entra_being_down_breaks_no_account() {
    let outage = || refusal(503, "temporarily_unavailable", 90033);
    let (delivery, _) = by_graph([outage(), outage()]).await;
    assert_eq!(outcome_of(&delivery), "retry_account");
}

#[tokio::test]
async fn a_mailbox_that_is_missing_breaks_the_account_only_where_it_is_its_own() {
    let missing =
        json!({"error": {"code": "MailboxNotEnabledForRESTAPI", "message": "inactive"}}).to_string();
    for (mailbox, expected) in
        [("relay@contoso.com", "account_broken"), ("other@contoso.com", "retry_mailbox")]
    {
        let server = ScriptedHttp::play([token_answer("t", None), answer(404, &missing)]).await;
        let lab = Lab { mailbox: mailbox.parse().unwrap(), ..Lab::new(&server.url, 1) };
        assert_eq!(outcome_of(&lab.deliver(Transport::Graph).await), expected);
    }
}

#[tokio::test]
async fn what_graph_cannot_take_asks_for_smtp_and_has_not_been_sent() {
    let server = ScriptedHttp::play([token_answer("t", None)]).await;
    let lab = Lab::new(&server.url, 1);
    let content = Cut::whole(format!("{MESSAGE}{}", "x".repeat(3_000_000)));
    let parcel = Parcel {
        envelope: &lab.envelope,
        message_id: None,
        content: &content,
        return_path: ReturnPath::Envelope,
        reports: Reports::default(),
    };
    let delivery = lab.courier.deliver(&lab.origin(), Transport::Graph, &parcel, now()).await;
    assert_eq!(outcome_of(&delivery), "rejected");
    assert!(delivery.asks_for_smtp());
}

#[tokio::test]
async fn several_messages_go_over_one_session() {
    let script = [HELLO, WELCOME, ACCEPTED, ACCEPTED, ACCEPTED, BYE].concat();
    let (deliveries, heard) = by_smtp(1, 3, &script).await;
    assert!(deliveries.iter().all(|delivery| outcome_of(delivery) == "delivered"));
    assert_eq!(heard.messages, [MESSAGE; 3]);
}

#[tokio::test]
async fn a_session_that_has_died_unseen_is_replaced_once_and_nothing_is_lost_or_doubled() {
    for death in [
        "C~ MAIL FROM\nC~ RCPT TO\nC~ RCPT TO\nC: DATA\nS: 421 4.4.1 Connection timed out. Total session duration: 00:10:01.8904373\nCLOSE\n",
        "C~ MAIL FROM\nCLOSE\n",
        "CLOSE\n",
        "C~ MAIL FROM\nS: 530 5.7.57 Client not authenticated to send mail.\nCLOSE\n",
    ] {
        let first = [HELLO, WELCOME, ACCEPTED, death].concat();
        let second = [HELLO, WELCOME, ACCEPTED, BYE].concat();
        let (deliveries, heard) = by_smtp(1, 2, &format!("{first}RECONNECT{second}")).await;
        assert!(deliveries.iter().all(|delivery| outcome_of(delivery) == "delivered"), "{death}");
        assert_eq!(heard.messages, [MESSAGE; 2]);
    }
}

#[tokio::test]
async fn a_fresh_session_that_is_turned_away_is_not_replaced() {
    let script = [
        HELLO,
        WELCOME,
        "C~ MAIL FROM\nC~ RCPT TO\nC~ RCPT TO\nC: DATA\nS: 421 4.3.2 Service not available\nCLOSE\n",
    ];
    let (deliveries, _) = by_smtp(1, 1, &script.concat()).await;
    assert_eq!(outcome_of(&deliveries[0]), "retry");
}

#[tokio::test]
async fn a_reply_that_is_lost_after_the_last_octet_means_unknown_also_over_a_kept_session() {
    let lost = ACCEPTED.replace("S: 250 2.0.0 OK <id@x>", "CLOSE");
    let (deliveries, heard) = by_smtp(1, 2, &[HELLO, WELCOME, ACCEPTED, &lost].concat()).await;
    assert_eq!(outcome_of(&deliveries[1]), "unknown");
    assert_eq!(heard.messages, [MESSAGE; 2]);
}

#[tokio::test]
async fn a_refused_log_in_is_tried_with_a_fresh_token_once() {
    let refused = "S: 535 5.7.3 Authentication unsuccessful\nCLOSE\n";
    let good = [HELLO, WELCOME, ACCEPTED, BYE].concat();
    let (deliveries, _) = by_smtp(2, 1, &format!("{HELLO}{refused}RECONNECT{good}")).await;
    assert_eq!(outcome_of(&deliveries[0]), "delivered");
    let (deliveries, _) = by_smtp(2, 1, &format!("{HELLO}{refused}RECONNECT{HELLO}{refused}")).await;
    assert_eq!(outcome_of(&deliveries[0]), "account_broken");
}

#[tokio::test]
async fn each_verdict_after_the_message_has_its_end() {
    for (said, expected) in [
        ("451 4.7.0 Temporary server error", "retry"),
        ("432 4.3.2 Concurrent connections limit exceeded", "retry_mailbox"),
        ("554 5.2.252 SendAsDenied; a not allowed to send as b", "rejected"),
        ("550 5.2.252 Sender throttled due to continuous send as denied errors", "retry_mailbox"),
        ("554 5.2.2 mailbox full; STOREDRV", "retry_mailbox"),
        ("552 5.3.4 Message size exceeds fixed maximum message size", "rejected"),
    ] {
        let refused = ACCEPTED.replace("250 2.0.0 OK <id@x>", said);
        let (deliveries, _) = by_smtp(1, 1, &[HELLO, WELCOME, &refused, BYE].concat()).await;
        assert_eq!(outcome_of(&deliveries[0]), expected, "{said}");
    }
}

#[tokio::test]
async fn those_who_were_refused_are_told_apart_from_those_who_get_the_message() {
    for (second, verdict) in [("550 5.1.1 No such user", "rejected"), ("451 4.7.1 Later", "retry")] {
        let partial = ACCEPTED.replacen("S: 250 OK\n    S: 354", &format!("S: {second}\n    S: 354"), 1);
        for (last, end) in [("250 2.0.0 OK", "delivered"), ("554 5.6.0 Bad content", "rejected")] {
            let script = partial.replace("250 2.0.0 OK <id@x>", last);
            let (deliveries, _) = by_smtp(1, 1, &[HELLO, WELCOME, &script, BYE].concat()).await;
            let attempted = &deliveries[0].attempted;
            assert_eq!(name(&attempted.outcome), end);
            assert_eq!(name(attempted.outcome_for(&"bob@fabrikam.com".parse().unwrap())), verdict);
            assert_eq!(name(attempted.outcome_for(&"ann@fabrikam.com".parse().unwrap())), end);
        }
    }
}

#[tokio::test]
async fn a_session_nobody_uses_is_closed_before_exchange_closes_it() {
    let login = ScriptedHttp::play([token_answer("t", None)]).await;
    let server = ScriptedSmtp::play(&[HELLO, WELCOME, ACCEPTED, BYE].concat()).await;
    let lab = Lab::new(&login.url, server.port);
    assert_eq!(outcome_of(&lab.deliver(Transport::Smtp).await), "delivered");
    lab.courier.close_idle().await;
    assert!(!lab.courier.sessions.is_empty(), "it was just used");
    tokio::time::pause();
    tokio::time::advance(MAX_IDLE).await;
    lab.courier.close_idle().await;
    assert!(lab.courier.sessions.is_empty());
    server.heard().await;
}

#[tokio::test]
async fn a_session_of_older_settings_serves_nobody() {
    let login = ScriptedHttp::play([token_answer("t", None), token_answer("u", None)]).await;
    let once = [HELLO, WELCOME, ACCEPTED, BYE].concat();
    let server = ScriptedSmtp::play(&format!("{once}RECONNECT{once}")).await;
    let mut lab = Lab::new(&login.url, server.port);
    assert_eq!(outcome_of(&lab.deliver(Transport::Smtp).await), "delivered");
    Arc::get_mut(&mut lab.account).unwrap().version += 1;
    assert_eq!(outcome_of(&lab.deliver(Transport::Smtp).await), "delivered");
    lab.courier.close().await;
    server.heard().await;
}

#[tokio::test(start_paused = true)]
async fn a_fourth_session_of_a_mailbox_waits_for_one_of_three_and_another_mailbox_does_not() {
    let pool = Pool::default();
    let desk = |mailbox: &str| Desk { server: "smtp:587".to_owned(), mailbox: mailbox.to_owned() };
    let label = Label { account_id: "a".to_owned(), version: 1 };
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(pool.enter(desk("relay@contoso.com"), label.clone()).await);
    }
    let second = Duration::from_secs(1);
    let fourth = pool.enter(desk("relay@contoso.com"), label.clone());
    assert!(tokio::time::timeout(second, fourth).await.is_err());
    pool.enter(desk("other@contoso.com"), label.clone()).await;
    held.pop();
    assert!(tokio::time::timeout(second, pool.enter(desk("relay@contoso.com"), label)).await.is_ok());
}
