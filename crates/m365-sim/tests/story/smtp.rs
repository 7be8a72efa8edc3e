//! Exchange SMTP AUTH by hand-written dialogs.

use crate::support::{Dialog, GRAPH, Lab, OUTLOOK_APP, OUTLOOK_SMTP, SIGN_IN, xoauth2};
use base64::{Engine, engine::general_purpose::STANDARD};
use m365_sim::world::{Basic, Outage};
use m365_sim::{Folder, Via, World};
use time::Duration;

const MESSAGE: &str =
    "From: megan@contoso.example\r\nTo: bob@else.example\r\nSubject: hi\r\n\r\n..dot\r\nhello";

/// A lab, a person's token for SMTP, and an authenticated dialog.
async fn authenticated(change: impl FnOnce(&mut World)) -> (Lab, String, Dialog) {
    let lab = Lab::start_with(change).await;
    let token = person(&lab).await;
    let mut dialog = Dialog::secure(&lab).await;
    assert_eq!(dialog.authenticate(&lab.user, &token).await, "235 2.7.0 Authentication successful");
    (lab, token, dialog)
}

async fn person(lab: &Lab) -> String {
    let first = lab.signed_in(&format!("{SIGN_IN} {OUTLOOK_SMTP}")).await;
    lab.refresh(first.text("refresh_token"), OUTLOOK_SMTP).await.access_token()
}

/// What AUTH answers to this token in a new connection.
async fn answer_to(lab: &Lab, user: &str, token: &str) -> String {
    Dialog::secure(lab).await.authenticate(user, token).await
}

#[tokio::test]
async fn a_message_goes_through_the_whole_dialog() {
    let (lab, _, mut dialog) = authenticated(|_| {}).await;
    assert!(
        dialog.greeting.contains(" Microsoft ESMTP MAIL Service ready at ") && dialog.greeting.ends_with(']')
    );
    let last = dialog.submit(&lab.user, "bob@else.example", MESSAGE).await;
    assert!(
        last.starts_with("250 2.0.0 OK <") && last.contains("> [Hostname=") && last.ends_with(']'),
        "{last}"
    );
    assert_eq!(dialog.say("QUIT").await, "221 2.0.0 Service closing transmission channel");
    let inbox = lab.sim.messages("bob@else.example", Folder::Inbox);
    assert_eq!((inbox[0].via, inbox[0].envelope.from.as_str()), (Via::Smtp, lab.user.as_str()));
    assert!(inbox[0].mime.ends_with(b"\r\n\r\n.dot\r\nhello\r\n"));
    assert_eq!(lab.sim.messages(&lab.user, Folder::SentItems).len(), 1);
}

#[tokio::test]
async fn the_list_before_tls_offers_starttls_and_no_auth() {
    let lab = Lab::start().await;
    let mut dialog = Dialog::connect(&lab).await;
    let list = dialog.say("EHLO client.example").await;
    for word in [
        "SIZE 157286400",
        "PIPELINING",
        "DSN",
        "ENHANCEDSTATUSCODES",
        "STARTTLS",
        "8BITMIME",
        "BINARYMIME",
        "CHUNKING",
        "SMTPUTF8",
    ] {
        assert!(list.contains(word), "{word}");
    }
    assert!(!list.contains("AUTH"));
    assert!(
        dialog
            .say("MAIL FROM:<a@b.example>")
            .await
            .starts_with("451 5.7.3 STARTTLS is required to send mail [")
    );
    assert!(dialog.say("AUTH LOGIN").await.starts_with("530 5.7.0"));
}

#[tokio::test]
async fn nothing_said_before_starttls_survives_it() {
    let lab = Lab::start().await;
    let mut dialog = Dialog::connect(&lab).await;
    dialog.say("EHLO client.example").await;
    let mut dialog = dialog.start_tls(&lab).await;
    assert!(
        dialog
            .say("MAIL FROM:<a@b.example>")
            .await
            .starts_with("530 5.7.57 Client not authenticated to send mail. [")
    );
    assert_eq!(dialog.say("STARTTLS").await, "503 5.5.1 Bad sequence of commands");
}

#[tokio::test]
async fn the_token_may_follow_the_334() {
    let lab = Lab::start().await;
    let token = person(&lab).await;
    let mut dialog = Dialog::secure(&lab).await;
    assert_eq!(dialog.say("AUTH XOAUTH2").await, "334 ");
    assert_eq!(dialog.say(&xoauth2(&lab.user, &token)).await, "235 2.7.0 Authentication successful");
    assert!(dialog.say("AUTH XOAUTH2").await.starts_with("503"));
}

#[tokio::test]
async fn an_application_sends_with_its_role_and_its_mailboxes() {
    let lab = Lab::start().await;
    let token = lab.app_token(OUTLOOK_APP).await;
    assert!(answer_to(&lab, &lab.user, &token).await.starts_with("235"));
    lab.sim.change_world(|world| {
        world.apps[0].mailbox_permissions = Some(vec!["alerts@contoso.example".into()]);
    });
    assert!(answer_to(&lab, &lab.user, &token).await.starts_with("535 5.7.3 Authentication unsuccessful ["));
    lab.sim.change_world(|world| {
        world.apps[0].application.clear();
        world.apps[0].rbac_smtp_mailboxes = vec!["megan@contoso.example".into()];
    });
    let without_role = lab.app_token(OUTLOOK_APP).await;
    assert!(
        answer_to(&lab, &lab.user, &without_role).await.starts_with("235"),
        "the RBAC role needs no permission"
    );
    assert!(answer_to(&lab, "alerts@contoso.example", &without_role).await.starts_with("535 5.7.3"));
}

#[tokio::test]
async fn tokens_that_are_not_for_this_mailbox_are_535_5_7_3() {
    let lab = Lab::start().await;
    let refused = async |user: &str, token: &str| {
        let answer = answer_to(&lab, user, token).await;
        assert!(
            answer.starts_with("535 5.7.3 Authentication unsuccessful [") && answer.ends_with(']'),
            "{answer}"
        );
    };
    let token = person(&lab).await;
    refused(&lab.user, "garbage").await;
    refused(&lab.user, &lab.signed_in(SIGN_IN).await.access_token()).await;
    refused(&lab.user, &lab.app_token(GRAPH).await).await;
    refused("alerts@contoso.example", &token).await;
    refused("nobody@contoso.example", &token).await;
    lab.sim.advance_clock(Duration::hours(2));
    refused(&lab.user, &token).await;
    let app = lab.app_token(OUTLOOK_APP).await;
    refused("foundation@contoso.example", &app).await;
}

#[tokio::test]
async fn a_delegate_sends_from_a_shared_mailbox() {
    let (lab, token, _dialog) =
        authenticated(|world| world.users[0].send_as.push("alerts@contoso.example".into())).await;
    let mut dialog = Dialog::secure(&lab).await;
    assert!(dialog.authenticate("alerts@contoso.example", &token).await.starts_with("235"));
    let message = MESSAGE.replace("megan@", "alerts@");
    assert!(dialog.submit("alerts@contoso.example", "bob@else.example", &message).await.starts_with("250"));
}

#[tokio::test]
async fn authenticated_smtp_off_blocks_oauth_too_and_says_where() {
    let lab = Lab::start().await;
    let token = person(&lab).await;
    lab.sim.change_world(|world| world.users[0].smtp_auth = Some(false));
    let answer = answer_to(&lab, &lab.user, &token).await;
    let text = "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox. Visit https://aka.ms/smtp_auth_disabled for more information. [";
    assert!(answer.starts_with(text), "{answer}");
    lab.sim
        .change_world(|world| (world.users[0].smtp_auth, world.switches.smtp_auth_disabled) = (None, true));
    assert!(answer_to(&lab, &lab.user, &token).await.contains("disabled for the Tenant"));
    lab.sim.change_world(|world| world.users[0].smtp_auth = Some(true));
    assert!(
        answer_to(&lab, &lab.user, &token).await.starts_with("235"),
        "the mailbox's own yes beats the tenant's no"
    );
}

#[tokio::test]
async fn policies_have_their_sentences_and_mail_after_them_repeats_the_reason() {
    let lab = Lab::start().await;
    let token = person(&lab).await;
    lab.switch(|switches| switches.smtp_account_locked = true);
    assert!(answer_to(&lab, &lab.user, &token).await.contains("account locked. Contact your administrator."));
    lab.switch(|switches| switches.smtp_conditional_access = true);
    assert!(
        answer_to(&lab, &lab.user, &token).await.contains("did not meet the criteria to be authenticated")
    );
    lab.switch(|switches| switches.smtp_security_defaults = true);
    let mut dialog = Dialog::secure(&lab).await;
    assert!(dialog.authenticate(&lab.user, &token).await.contains("organization's security defaults policy"));
    let answer = dialog.say("MAIL FROM:<megan@contoso.example>").await;
    assert!(answer.starts_with("530 5.7.57 Client not authenticated to send mail. Error: 535 5.7.139 Authentication unsuccessful, user is locked"), "{answer}");
}

#[tokio::test]
async fn other_servers_challenge_can_be_played() {
    let lab = Lab::start().await;
    lab.switch(|switches| switches.smtp_challenge = true);
    let mut dialog = Dialog::secure(&lab).await;
    let challenge = dialog.authenticate(&lab.user, "garbage").await;
    let json = STANDARD.decode(challenge.strip_prefix("334 ").unwrap()).unwrap();
    assert!(String::from_utf8(json).unwrap().contains("\"status\":\"400\""));
    assert!(dialog.say("").await.starts_with("535 5.7.3"));
}

#[tokio::test]
async fn passwords_are_refused_unless_the_switch_allows_them() {
    let lab = Lab::start().await;
    let login = async |password: &str| {
        let mut dialog = Dialog::secure(&lab).await;
        assert_eq!(dialog.say("AUTH LOGIN").await, "334 VXNlcm5hbWU6");
        assert_eq!(dialog.say(&STANDARD.encode(&lab.user)).await, "334 UGFzc3dvcmQ6");
        dialog.say(&STANDARD.encode(password)).await
    };
    assert!(login(&lab.password).await.contains("basic authentication is disabled."));
    lab.switch(|switches| switches.smtp_basic = Basic::Allowed);
    assert!(login("wrong").await.contains("the user credentials were incorrect."));
    assert!(login(&lab.password).await.starts_with("235"));
    assert!(Dialog::secure(&lab).await.say("AUTH PLAIN AGEAYg==").await.starts_with("504"));
}

#[tokio::test]
async fn a_foreign_sender_is_denied_at_the_end_of_the_data() {
    let (lab, _, mut dialog) = authenticated(|_| {}).await;
    let message = MESSAGE.replace("megan@", "boss@");
    let answer = dialog.submit(&lab.user, "bob@else.example", &message).await;
    assert!(answer.starts_with("554 5.2.252 SendAsDenied; megan@contoso.example not allowed to send as boss@contoso.example; STOREDRV"), "{answer}");
    let answer = dialog.submit("boss@contoso.example", "bob@else.example", MESSAGE).await;
    assert!(answer.starts_with("554 5.2.252 SendAsDenied"), "{answer}");
    assert!(lab.sim.messages("bob@else.example", Folder::Inbox).is_empty());
}

#[tokio::test]
async fn the_fourth_connection_is_refused_at_the_end_of_the_data() {
    let (lab, token, _first) = authenticated(|_| {}).await;
    let mut others = Vec::new();
    for _ in 0..3 {
        let mut dialog = Dialog::secure(&lab).await;
        assert!(dialog.authenticate(&lab.user, &token).await.starts_with("235"));
        others.push(dialog);
    }
    let answer = others[2].submit(&lab.user, "bob@else.example", MESSAGE).await;
    assert!(answer.starts_with("432 4.3.2 Concurrent connections limit exceeded."), "{answer}");
    assert!(others[1].submit(&lab.user, "bob@else.example", MESSAGE).await.starts_with("250"));
    others[0].say("QUIT").await;
    assert_eq!(others[0].reply().await, "", "the server has closed");
    assert!(
        others[2].submit(&lab.user, "bob@else.example", MESSAGE).await.starts_with("250"),
        "a place is free again"
    );
}

#[tokio::test]
async fn what_has_not_propagated_refuses_every_token() {
    let (lab, token, _) = authenticated(|_| {}).await;
    lab.switch(|switches| switches.smtp_not_propagated = true);
    let refused = answer_to(&lab, &lab.user, &token).await;
    assert!(refused.starts_with("535 5.7.3 Authentication unsuccessful"), "{refused}");
}

#[tokio::test]
async fn what_the_mailbox_may_not_is_refused_at_the_end_of_the_data() {
    let (lab, _, mut dialog) = authenticated(|_| {}).await;
    let mut refused = async |change: fn(&mut m365_sim::world::Switches), start: &str| {
        lab.sim.change_world(|world| {
            world.switches = m365_sim::world::Switches::default();
            change(&mut world.switches);
        });
        let answer = dialog.submit(&lab.user, "bob@else.example", MESSAGE).await;
        assert!(answer.starts_with(start), "{answer}");
    };
    refused(|switches| switches.smtp_temporary_error = true, "451 4.7.0 Temporary server error").await;
    refused(|switches| switches.smtp_sender_throttled = true, "550 5.2.252 Sender throttled").await;
    refused(|switches| switches.smtp_bad_sender = true, "550 5.1.8 Access denied, bad outbound sender").await;
    refused(|switches| switches.mailbox_full = true, "554 5.2.2 mailbox full; STOREDRV").await;
    refused(
        |switches| switches.recipients_per_day = 0,
        "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuota",
    )
    .await;
    refused(
        |switches| switches.max_message_bytes = 10,
        "554 5.2.3 Message size exceeds maximum size limit.; STOREDRV",
    )
    .await;
    refused(|_| {}, "250 2.0.0 OK").await;
}

#[tokio::test]
async fn a_header_block_that_is_too_large_is_refused_after_the_data() {
    let (lab, _, mut dialog) = authenticated(|_| {}).await;
    let with_header = |bytes: usize| {
        let line = format!("X-Filler: {}\r\n", "x".repeat(900));
        format!("{}{MESSAGE}", line.repeat(bytes / line.len()))
    };
    let large = with_header(300_000);
    let refused = "552 5.3.4 Header size exceeds fixed maximum size";
    assert_eq!(dialog.submit(&lab.user, "bob@else.example", &large).await, refused);
    lab.switch(|switches| switches.smtp_max_header_bytes = 0);
    assert!(dialog.submit(&lab.user, "bob@else.example", &large).await.starts_with("250"));
    lab.switch(|switches| switches.smtp_max_header_bytes = 1_000);
    let long_body = format!("{MESSAGE}\r\n{}", "a line\r\n".repeat(1_000));
    assert!(dialog.submit(&lab.user, "bob@else.example", &long_body).await.starts_with("250"));
}

#[tokio::test]
async fn a_session_that_is_idle_by_the_tenants_clock_is_told_so_and_closed() {
    let (lab, _, mut dialog) = authenticated(|_| {}).await;
    lab.sim.advance_clock(Duration::seconds(280));
    assert_eq!(dialog.say("NOOP").await, "250 2.0.0 OK");
    lab.sim.advance_clock(Duration::seconds(301));
    let told = dialog.reply().await;
    let span = told.strip_prefix("421 4.4.1 Connection timed out. Total session duration: ").unwrap();
    assert!(span.starts_with("00:") && span.len() == "00:10:01.8904373".len(), "{told}");
    assert_eq!(dialog.reply().await, "", "the server has closed");
}

#[tokio::test]
async fn a_transaction_takes_so_many_recipients_and_the_rest_for_now_not() {
    let (lab, _, mut dialog) = authenticated(|world| {
        world.switches.smtp_recipients_per_transaction = 2;
    })
    .await;
    dialog.say(&format!("MAIL FROM:<{}>", lab.user)).await;
    for (name, start) in [("a", "250"), ("b", "250"), ("c", "452 4.5.3 Too many recipients")] {
        let reply = dialog.say(&format!("RCPT TO:<{name}@else.example>")).await;
        assert!(reply.starts_with(start), "{reply}");
    }
    dialog.say("DATA").await;
    assert!(dialog.say(&format!("{MESSAGE}\r\n.")).await.starts_with("250"));
    assert_eq!(lab.sim.messages("c@else.example", Folder::Inbox).len(), 0);
}

#[tokio::test]
async fn what_is_over_the_messages_of_a_minute_waits_for_the_next() {
    let (lab, _, mut dialog) = authenticated(|world| world.switches.smtp_messages_per_minute = 2).await;
    for _ in 0..2 {
        assert!(dialog.submit(&lab.user, "bob@else.example", MESSAGE).await.starts_with("250"));
    }
    let mut third = Box::pin(dialog.submit(&lab.user, "bob@else.example", MESSAGE));
    assert!(tokio::time::timeout(std::time::Duration::from_millis(300), &mut third).await.is_err());
    assert_eq!(lab.sim.messages("bob@else.example", Folder::Inbox).len(), 2);
    lab.sim.advance_clock(Duration::seconds(60));
    assert!(third.await.starts_with("250"));
}

#[tokio::test]
async fn chunks_parameters_and_pipelining_are_taken() {
    let (lab, _, mut dialog) = authenticated(|_| {}).await;
    let start = format!("MAIL FROM:<{}> SIZE=100 BODY=BINARYMIME SMTPUTF8 RET=HDRS ENVID=x", lab.user);
    assert_eq!(dialog.say(&start).await, "250 2.1.0 Sender OK");
    assert_eq!(
        dialog.say("RCPT TO:<jörg@else.example> NOTIFY=NEVER ORCPT=rfc822;x").await,
        "250 2.1.5 Recipient OK"
    );
    assert_eq!(dialog.say("DATA").await, "503 5.5.1 Bad sequence of commands");
    let (head, tail) = ("From: megan@contoso.example\r\n\r\n", "a\nb\r\n.\r\nc");
    dialog
        .send(format!("BDAT {}\r\n{head}BDAT {} LAST\r\n{tail}NOOP\r\n", head.len(), tail.len()).as_bytes())
        .await;
    assert!(dialog.reply().await.starts_with("250 2.6.0"));
    assert!(dialog.reply().await.starts_with("250 2.0.0 OK <"));
    assert_eq!(dialog.reply().await, "250 2.0.0 OK");
    assert_eq!(
        &*lab.sim.messages("jörg@else.example", Folder::Inbox)[0].mime,
        format!("{head}{tail}").as_bytes()
    );
}

#[tokio::test]
async fn false_ends_of_data_do_not_start_a_second_message() {
    let (lab, _, mut dialog) = authenticated(|_| {}).await;
    for end in ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\n.\r", "\r\n\0.\r\n", "\r\n.\0\r\n", "\r\n. \r\n"]
    {
        let smuggled = format!(
            "{MESSAGE}{end}MAIL FROM:<megan@contoso.example>\r\nRCPT TO:<victim@else.example>\r\nDATA\r\nx"
        );
        assert!(dialog.submit(&lab.user, "bob@else.example", &smuggled).await.starts_with("250"));
    }
    assert_eq!(dialog.say("NOOP").await, "250 2.0.0 OK");
    assert!(lab.sim.messages("victim@else.example", Folder::Inbox).is_empty());
    assert_eq!(lab.sim.messages("bob@else.example", Folder::Inbox).len(), 8);
}

#[tokio::test]
async fn mistakes_in_the_dialog_have_replies_and_too_many_end_it() {
    let (lab, _, mut dialog) = authenticated(|_| {}).await;
    assert_eq!(dialog.say("RCPT TO:<a@b.example>").await, "503 5.5.2 Need mail command");
    assert_eq!(dialog.say("MAIL FROM:nobody").await, "501 5.1.7 Invalid address");
    assert_eq!(dialog.say("MAIL FROM:<a@b.example> COLOUR=red").await, "501 5.5.4 Invalid arguments");
    let too_big = "552 5.3.4 Message size exceeds fixed maximum message size";
    assert_eq!(dialog.say("MAIL FROM:<a@b.example> SIZE=157286401").await, too_big);
    assert_eq!(dialog.say(&format!("MAIL FROM:<{}>", lab.user)).await, "250 2.1.0 Sender OK");
    assert_eq!(dialog.say("DATA").await, "503 5.5.2 Need rcpt command");
    assert_eq!(dialog.say("RCPT TO:<nobody>").await, "501 5.1.3 Invalid address");
    assert_eq!(dialog.say("RSET").await, "250 2.0.0 Resetting");
    for _ in 0..14 {
        assert!(dialog.say("DANCE").await.starts_with("500 5.3.3 Unrecognized command 'DANCE'"));
    }
    assert!(dialog.say("DANCE").await.starts_with("421 4.7.0"));
    assert_eq!(dialog.reply().await, "");
}

#[tokio::test]
async fn outages_and_lost_answers_can_be_played() {
    let (lab, _, mut dialog) = authenticated(|world| world.switches.smtp_lost_answers = true).await;
    assert_eq!(dialog.submit(&lab.user, "bob@else.example", MESSAGE).await, "", "closed without a reply");
    assert_eq!(lab.sim.messages("bob@else.example", Folder::Inbox).len(), 1);
    lab.switch(|switches| switches.smtp_outage = Outage::Unavailable);
    assert_eq!(Dialog::connect(&lab).await.greeting, "421 4.3.2 Service not available");
    lab.switch(|switches| switches.smtp_outage = Outage::Reset);
    assert_eq!(Dialog::connect(&lab).await.greeting, "");
}
