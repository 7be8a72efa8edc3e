//! Certificates as a person reads them.

use serde_json::Value;

use crate::cli::context::{Context, text, texts};
use crate::cli::files::Output;
use crate::cli::screen::{Look, Mark, Paint, clean};
use crate::cli::table::{draw, draw_facts, expendable, kept};
use crate::cli::when;

/// `✓ Certificate "gate" is imported.`, its facts and its warnings.
pub(super) fn stored(certificate: &Value, verb: &str, context: &Context<'_>) -> String {
    let look = context.screen.out_look;
    let name = text(certificate, "name").unwrap_or_default();
    format!("{} Certificate \"{name}\" is {verb}.\n{}", look.mark(Mark::Done), facts(certificate, context))
}

/// What was generated, and where its public part must go.
pub(super) fn generated(certificate: &Value, output: Option<&Output>, context: &Context<'_>) -> String {
    let look = context.screen.out_look;
    let thumbprint = text(certificate, "thumbprint_sha1").unwrap_or_default();
    let saved = match output {
        Some(output) => format!("Its public part is in {}.", clean(&output.describe())),
        None => "Save its public part with `postern certificate export`.".to_owned(),
    };
    let upload = look.wrap(
        &format!(
            "{saved} Upload it in the Azure portal: app registration > Certificates & secrets > Certificates > Upload certificate."
        ),
        0,
    );
    format!(
        "{}\n{upload}\nThe portal will then show the thumbprint {}.\n",
        stored(certificate, "generated", context),
        look.paint(Paint::Bold, &thumbprint)
    )
}

pub(super) fn details(certificate: &Value, context: &Context<'_>) -> String {
    let look = context.screen.out_look;
    let name = text(certificate, "name").unwrap_or_default();
    format!("{}\n{}", look.paint(Paint::Bold, &name), facts(certificate, context))
}

pub(super) fn list(certificates: &Value, context: &Context<'_>) -> String {
    let look = context.screen.out_look;
    let entries = certificates.as_array().map_or(&[][..], Vec::as_slice);
    if entries.is_empty() {
        return "No certificates yet: `postern certificate generate` makes one, `postern certificate import` brings one in.\n".to_owned();
    }
    let columns = [
        kept("NAME"),
        kept("STATUS"),
        expendable("EXPIRES", 1),
        expendable("SHA-1 THUMBPRINT", 2),
        expendable("USED BY", 3),
        expendable("KEY", 4),
        expendable("ORIGIN", 5),
    ];
    let rows: Vec<Vec<String>> = entries.iter().map(|entry| row(entry, look)).collect();
    draw(&columns, &rows, look)
}

fn row(certificate: &Value, look: Look) -> Vec<String> {
    let cell = |name: &str| text(certificate, name).unwrap_or_default();
    let expires = text(certificate, "not_after")
        .and_then(|moment| when::parse(&moment))
        .map(when::date)
        .unwrap_or_default();
    let used_by = texts(certificate, "used_by").join(", ");
    vec![
        cell("name"),
        status(certificate, look),
        match days_left(certificate) {
            Some(days) => format!("{expires} ({})", days_in_words(days)),
            None => expires,
        },
        cell("thumbprint_sha1"),
        if used_by.is_empty() { look.nothing().to_owned() } else { used_by },
        key(certificate).unwrap_or_default(),
        cell("origin"),
    ]
}

fn facts(certificate: &Value, context: &Context<'_>) -> String {
    let look = context.screen.out_look;
    let fact = |name: &str| text(certificate, name);
    let used_by = texts(certificate, "used_by");
    let exportable = certificate.get("exportable").and_then(Value::as_bool);
    let lines = draw_facts(
        &[
            ("Status", Some(status_with_days(certificate, look))),
            ("Description", fact("description")),
            ("Subject", fact("subject")),
            ("Issuer", fact("issuer").filter(|issuer| Some(issuer) != fact("subject").as_ref())),
            ("Serial", fact("serial")),
            ("Valid from", moment(certificate, "not_before")),
            ("Valid until", moment(certificate, "not_after")),
            ("Key", key(certificate)),
            ("Signature", fact("signature_algorithm")),
            ("SHA-1", fact("thumbprint_sha1")),
            ("SHA-256", fact("thumbprint_sha256")),
            ("Origin", fact("origin")),
            ("Exportable", exportable.map(|yes| if yes { "yes" } else { "no" }.to_owned())),
            ("Used by", (!used_by.is_empty()).then(|| used_by.join(", "))),
            ("Id", fact("id")),
        ],
        look,
    );
    lines + &warnings(certificate, look)
}

fn warnings(certificate: &Value, look: Look) -> String {
    let found = certificate.get("warnings").and_then(Value::as_array);
    found
        .into_iter()
        .flatten()
        .filter_map(|warning| text(warning, "text"))
        .map(|warning| format!("  {} {}\n", look.mark(Mark::Warning), look.wrap(&warning, 4)))
        .collect()
}

fn status(certificate: &Value, look: Look) -> String {
    let status = text(certificate, "status").unwrap_or_default();
    let words = status.replace('_', " ");
    let mark = match status.as_str() {
        "valid" => Mark::Done,
        "expired" => Mark::Failed,
        _ => Mark::Warning,
    };
    format!("{} {words}", look.mark(mark))
}

fn status_with_days(certificate: &Value, look: Look) -> String {
    let status = status(certificate, look);
    match days_left(certificate) {
        Some(days) => format!("{status}, {}", days_in_words(days)),
        None => status,
    }
}

fn days_left(certificate: &Value) -> Option<i64> {
    certificate.get("days_left").and_then(Value::as_i64)
}

fn days_in_words(days: i64) -> String {
    if days < 0 {
        format!("{} ago", when::plural(-days, "day"))
    } else {
        format!("{} left", when::plural(days, "day"))
    }
}

fn key(certificate: &Value) -> Option<String> {
    let key = certificate.get("key")?;
    let bits = key.get("bits").and_then(Value::as_u64)?;
    Some(format!("{} {bits}", text(key, "type")?))
}

fn moment(certificate: &Value, name: &str) -> Option<String> {
    let told = text(certificate, name)?;
    Some(when::parse(&told).map_or(told, when::minute))
}
