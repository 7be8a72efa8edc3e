//! The part of a report that people read.

use std::fmt::Write as _;

use super::{Action, Fate, Report, Returned};
use crate::date::written_date;
use crate::header::HeaderBlock;

pub(super) fn subject(fates: &[Fate<'_>]) -> &'static str {
    let all = |wanted: fn(&Action) -> bool| fates.iter().all(|fate| wanted(&fate.action));
    match () {
        () if all(|action| matches!(action, Action::Failed | Action::Expired)) => {
            "Mail could not be delivered"
        }
        () if all(|action| matches!(action, Action::Delayed { .. })) => "Mail is delayed",
        () if all(|action| matches!(action, Action::Relayed)) => "Mail was handed to Microsoft 365",
        () => "What became of your mail",
    }
}

pub(super) fn explain(report: &Report<'_>) -> String {
    let mut text = format!(
        "This is Postern on {}, the gate through which your mail goes to Microsoft 365.\r\n",
        one_line(report.host)
    );
    for (title, chosen) in SECTIONS {
        let fates: Vec<&Fate<'_>> = report.fates.iter().filter(|fate| chosen(fate.action)).collect();
        if !fates.is_empty() {
            write!(text, "\r\n{title}\r\n").expect("writing to a String can't fail");
            fates.iter().for_each(|fate| explain_fate(&mut text, fate));
        }
    }
    text + &about_the_message(report)
}

type Chosen = fn(Action) -> bool;

const SECTIONS: [(&str, Chosen); 4] = [
    ("Your message was not delivered to:", |action| action == Action::Failed),
    ("Your message was tried again and again and is now given up for:", |action| action == Action::Expired),
    ("Your message has not been delivered yet to:", |action| matches!(action, Action::Delayed { .. })),
    ("Your message was handed to Microsoft 365, which accepted it, for:", |action| action == Action::Relayed),
];

fn explain_fate(text: &mut String, fate: &Fate<'_>) {
    let said = fate.said.map(one_line);
    let said = said.map(|said| format!("    Microsoft 365 said: {said}\r\n")).unwrap_or_default();
    let advice = fate.advice.map_or_else(|| advice(fate.action), one_line);
    write!(text, "\r\n  {}\r\n{said}    What to do: {advice}\r\n", fate.recipient)
        .expect("writing to a String can't fail");
}

fn advice(action: Action) -> String {
    match action {
        Action::Failed => {
            "Check the address. If it is right, give this report to the administrator of the gate.".to_owned()
        }
        Action::Expired => {
            "Send it again if it still matters, and give this report to the administrator of the gate."
                .to_owned()
        }
        Action::Delayed { until } => {
            format!("Nothing. It will be tried until {}; don't send it again.", written_date(until))
        }
        Action::Relayed => "Nothing. What becomes of it there isn't reported.".to_owned(),
    }
}

fn about_the_message(report: &Report<'_>) -> String {
    let header = match report.original.returned {
        Returned::Header(octets) | Returned::Full(octets) => HeaderBlock::split(octets).0,
    };
    let mut text = "\r\nThe message:\r\n\r\n".to_owned();
    let facts = [
        ("Subject", header.subject()),
        ("Message-ID", header.message_id().map(|id| id.to_string())),
        ("Accepted", Some(written_date(report.original.accepted_at))),
        ("Id at this gate", Some(report.original.id.to_owned())),
    ];
    for (label, fact) in facts {
        if let Some(fact) = fact {
            write!(text, "  {label}: {}\r\n", one_line(&fact)).expect("writing to a String can't fail");
        }
    }
    text
}

/// What others wrote stands on one line.
fn one_line(text: &str) -> String {
    text.split(|character: char| character.is_whitespace() || character.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}
