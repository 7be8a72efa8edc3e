//! A sign-in under way, as a person reads it.

use serde_json::Value;

use super::kind;
use crate::cli::context::{Context, text, texts};
use crate::cli::screen::{Look, Mark, Paint};
use crate::cli::table::draw_facts;
use crate::cli::when;

pub(super) const HOW_TO_PASTE: &str =
    "If the browser can't open the page it ends at, paste that page's address here and press Enter.\n";

/// What to open, alone on its line.
pub(super) fn flow(flow: &Value, context: &Context<'_>) -> String {
    let look = context.screen.out_look;
    match kind(flow) {
        "application" => match text(flow, "status").as_deref() {
            Some("confirmed") => "Application sign-in needs no person: a token was obtained.\n".to_owned(),
            _ => "Application sign-in needs no person.\n".to_owned(),
        },
        "device_code" => device_code(flow, look),
        _ => address(flow),
    }
}

pub(super) fn how_to_confirm(flow: &Value, account: &str) -> String {
    if kind(flow) == "application" {
        return String::new();
    }
    format!("Then look who signed in, and keep it: `postern account confirm {account}`\n")
}

/// Who signed in, in which tenant, with which permissions.
pub(super) fn found(flow: &Value, look: Look) -> String {
    let found = flow.get("found").unwrap_or(&Value::Null);
    let scopes = texts(found, "scopes").join(" ");
    let facts = [
        ("Signed in", text(found, "user")),
        ("Tenant", text(found, "tenant_id")),
        ("Permissions", (!scopes.is_empty()).then_some(scopes)),
    ];
    let mut told = draw_facts(&facts, look);
    // By device code the warning was told before the person went there.
    if let Some(warning) = text(flow, "warning").filter(|_| kind(flow) != "device_code") {
        told.push_str(&format!("{} {}\n", look.mark(Mark::Warning), look.wrap(&warning, 2)));
    }
    told
}

/// Application sign-in: no person, no grant.
pub(super) fn token_obtained(account: &Value, context: &Context<'_>) -> String {
    let look = context.screen.out_look;
    let name = text(account, "name").unwrap_or_default();
    format!(
        "{} Account \"{name}\": application sign-in needs no person, and a token was obtained.\n",
        look.mark(Mark::Done)
    )
}

fn address(flow: &Value) -> String {
    let url = text(flow, "url").unwrap_or_default();
    let until = good_until(flow);
    format!("Open this address in a browser and sign in{until}:\n\n{url}\n\n")
}

fn device_code(flow: &Value, look: Look) -> String {
    let place = text(flow, "verification_uri").unwrap_or_default();
    let code = text(flow, "user_code").unwrap_or_default();
    let until = good_until(flow);
    let mut told = format!(
        "Open this address on any device{until}:\n\n{place}\n\nand enter the code\n\n{}\n\n",
        look.paint(Paint::Bold, &code)
    );
    if let Some(warning) = text(flow, "warning") {
        told.push_str(&format!("{} {}\n", look.mark(Mark::Warning), look.wrap(&warning, 2)));
    }
    told
}

fn good_until(flow: &Value) -> String {
    let expires = text(flow, "expires").and_then(|moment| when::parse(&moment));
    expires.map_or_else(String::new, |expires| format!(" (until {})", when::time_of_day(expires)))
}
