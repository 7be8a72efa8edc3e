//! `postern explain`: without a server, and by one.

use clap::Parser;
use serde_json::{Value, json};

use super::super::explain::{Explain, run, run_alone};
use super::server::{Answer, Server};
use super::{Cli, Client, Command, Context, Keyboard, Look, NOW, NoPrompt, Screen, Target, Verdict, words};

fn explain_of(line: &str) -> Explain {
    let cli = Cli::try_parse_from(words(line)).unwrap();
    let Command::Explain(explain) = cli.command else { panic!("{line}") };
    explain
}

#[test]
fn a_code_is_explained_without_a_server() {
    let (mut screen, out, _) = Screen::recorded(Look::plain());
    let end = run_alone(&explain_of("explain AADSTS7000222"), false, &mut screen);
    assert_eq!(end, Ok(Verdict::Done));
    for part in [
        "AADSTS7000222\n",
        "Cause",
        "The client secret has expired.",
        "New client secret",
        "not by itself",
        "tenant",
    ] {
        assert!(out.text().contains(part), "{part}: {}", out.text());
    }
}

#[test]
fn of_an_unknown_code_it_is_not_said_that_it_stays() {
    let (mut screen, out, _) = Screen::recorded(Look::plain());
    run_alone(&explain_of("explain AADSTS4242"), false, &mut screen).unwrap();
    assert!(out.text().contains("nobody knows") && !out.text().contains("not by itself"), "{}", out.text());
}

#[test]
fn a_program_reads_the_same_members_as_from_the_api() {
    let (mut screen, out, _) = Screen::recorded(Look::plain());
    run_alone(&explain_of("explain '535 5.7.3 Authentication unsuccessful'"), true, &mut screen).unwrap();
    let told: Value = serde_json::from_str(&out.text()).unwrap();
    let members: Vec<&String> = told["items"][0].as_object().unwrap().keys().collect();
    assert_eq!(members, ["code", "says", "cause", "fix", "temporary", "turn", "known"]);
    assert_eq!(
        (&told["items"][0]["code"], &told["items"][0]["turn"]),
        (&json!("535 5.7.3"), &json!("tenant_administrator"))
    );
}

#[test]
fn what_is_no_code_is_refused_with_a_hint() {
    let (mut screen, out, _) = Screen::recorded(Look::plain());
    let failure = run_alone(&explain_of("explain hello"), false, &mut screen).unwrap_err();
    assert_eq!((failure.code.as_str(), failure.exit_code()), ("nothing_to_explain", 1));
    assert!(failure.hint.unwrap().contains("paste the whole text") && out.text().is_empty());
}

#[tokio::test]
async fn an_accounts_values_come_from_the_server() {
    let answer = json!({ "items": [{ "code": "AADSTS50011", "known": true, "says": "s", "cause": "c", "fix": "add exactly x",
        "temporary": false, "turn": "tenant_administrator" }] });
    let server = Server::expecting([("POST /explain", Answer::json(200, &answer))]).await;
    let (mut screen, out, _) = Screen::recorded(Look::plain());
    let mut context = Context {
        client: Client::new(Target::DataDir(server.data_dir().to_owned())).unwrap(),
        screen: &mut screen,
        keyboard: Keyboard::piped(&[]),
        prompt: Box::new(NoPrompt),
        json: false,
        now: NOW,
    };
    let end = run(&explain_of("explain AADSTS50011 --account contoso"), &mut context).await;
    assert_eq!(end, Ok(Verdict::Done));
    assert!(out.text().contains("add exactly x"), "{}", out.text());
    assert_eq!(server.asked(), [json!({ "text": "AADSTS50011", "account": "contoso" })]);
}
