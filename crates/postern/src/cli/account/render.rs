//! Accounts as a person reads them.

use serde_json::Value;

use crate::cli::certificate::quoted;
use crate::cli::context::{Context, text, texts};
use crate::cli::screen::{Look, Mark, Paint};
use crate::cli::table::{draw, draw_facts, expendable, kept as column};
use crate::cli::when;

/// The account that was added, and the next step.
pub(super) fn added(account: &Value, context: &Context<'_>) -> String {
    let look = context.screen.out_look;
    let name = text(account, "name").unwrap_or_default();
    format!(
        "{} Account \"{name}\" is added.\n{}{}",
        look.mark(Mark::Done),
        facts(account, context),
        next_step(account, &name)
    )
}

/// Who signed in, now that it is kept.
pub(super) fn kept(account: &Value, context: &Context<'_>) -> String {
    let look = context.screen.out_look;
    let name = text(account, "name").unwrap_or_default();
    let grant = account.get("grant").unwrap_or(&Value::Null);
    let state = account.get("state").unwrap_or(&Value::Null);
    if text(state, "name").as_deref() != Some("ready") {
        return format!(
            "{} Account \"{name}\": {}\n",
            look.mark(Mark::Warning),
            state_in_words(account, look)
        );
    }
    match text(grant, "user") {
        Some(user) => format!("{} Account \"{name}\" is ready: {user} signed in.\n", look.mark(Mark::Done)),
        None => format!("{} Account \"{name}\" is ready.\n", look.mark(Mark::Done)),
    }
}

pub(super) fn details(account: &Value, context: &Context<'_>) -> String {
    let look = context.screen.out_look;
    let name = text(account, "name").unwrap_or_default();
    format!("{}\n{}", look.paint(Paint::Bold, &name), facts(account, context))
}

pub(super) fn list(accounts: &Value, context: &Context<'_>) -> String {
    let look = context.screen.out_look;
    let entries = accounts.as_array().map_or(&[][..], Vec::as_slice);
    if entries.is_empty() {
        return "No accounts yet: `postern account add` makes one.\n".to_owned();
    }
    let columns = [
        column("NAME"),
        column("STATE"),
        expendable("FROM", 1),
        expendable("SIGN-IN", 4),
        expendable("TRANSPORT", 3),
        expendable("CREDENTIAL", 2),
        expendable("TENANT", 5),
    ];
    let rows: Vec<Vec<String>> = entries.iter().map(|entry| row(entry, look)).collect();
    draw(&columns, &rows, look)
}

fn row(account: &Value, look: Look) -> Vec<String> {
    let cell = |name: &str| text(account, name).unwrap_or_default();
    let name = if is_default(account) { format!("{} (default)", cell("name")) } else { cell("name") };
    vec![
        name,
        state(account, look),
        sender(account).unwrap_or_else(|| look.nothing().to_owned()),
        cell("sign_in"),
        cell("transport"),
        credential(account).unwrap_or_else(|| look.nothing().to_owned()),
        cell("tenant_id"),
    ]
}

fn facts(account: &Value, context: &Context<'_>) -> String {
    let look = context.screen.out_look;
    let fact = |name: &str| text(account, name);
    let grant = account.get("grant").unwrap_or(&Value::Null);
    let details = account.get("state").unwrap_or(&Value::Null);
    let mut lines = draw_facts(
        &[
            ("State", Some(state_in_words(account, look))),
            ("Cause", text(details, "cause")),
            ("Fix", text(details, "fix")),
            ("Cloud", fact("cloud")),
            ("Tenant", fact("tenant_id")),
            ("Client", fact("client_id")),
            ("Credential", credential(account)),
            ("Sign-in", fact("sign_in")),
            ("Transport", fact("transport")),
            ("From", fact("from")),
            ("May send as", Some(texts(account, "senders").join(", ")).filter(|senders| !senders.is_empty())),
            ("Outcome unknown", fact("unknown_policy").map(|policy| policy.replace('_', " "))),
            ("Large mail", fact("large_mail")),
            ("Warning", warning(account)),
            ("Default", is_default(account).then(|| "yes".to_owned())),
            ("Signed in", signed_in(grant, context)),
            ("Permissions", scopes(grant)),
            ("Id", fact("id")),
        ],
        look,
    );
    let redirects = texts(account, "redirect_uris");
    if !redirects.is_empty() && fact("sign_in").as_deref() != Some("application") {
        lines.push_str("  Redirect URIs to register (one that fits is enough):\n");
        for redirect in redirects {
            lines.push_str(&format!("    {redirect}\n"));
        }
    }
    lines
}

fn state(account: &Value, look: Look) -> String {
    let name = account.get("state").and_then(|state| text(state, "name")).unwrap_or_default();
    let mark = match name.as_str() {
        "ready" => Mark::Done,
        "broken" => Mark::Failed,
        _ => Mark::Warning,
    };
    format!("{} {}", look.mark(mark), name.replace('_', " "))
}

fn state_in_words(account: &Value, look: Look) -> String {
    let since =
        account.get("state").and_then(|state| text(state, "since")).and_then(|since| when::parse(&since));
    match since {
        Some(since) => format!("{} since {}", state(account, look), when::minute(since)),
        None => state(account, look),
    }
}

fn credential(account: &Value) -> Option<String> {
    let credential = account.get("credential")?;
    match text(credential, "kind")?.as_str() {
        "certificate" => Some(format!("certificate {}", certificate_name(credential).unwrap_or_default())),
        _ => {
            let expires = text(credential, "expires").and_then(|moment| when::parse(&moment));
            Some(match expires {
                Some(expires) => format!("client secret, expires {}", when::date(expires)),
                None => "client secret".to_owned(),
            })
        }
    }
}

/// The certificate is a name, or an object that has one.
fn certificate_name(credential: &Value) -> Option<String> {
    text(credential, "certificate").or_else(|| text(credential.get("certificate")?, "name"))
}

fn sender(account: &Value) -> Option<String> {
    text(account, "from").or_else(|| text(account.get("grant")?, "user"))
}

fn signed_in(grant: &Value, context: &Context<'_>) -> Option<String> {
    let user = text(grant, "user")?;
    let renewed = text(grant, "renewed").or_else(|| text(grant, "obtained"));
    Some(match renewed.and_then(|moment| when::parse(&moment)) {
        Some(renewed) => format!("{user}, renewed {}", when::relative(renewed, context.now)),
        None => user,
    })
}

fn scopes(grant: &Value) -> Option<String> {
    let scopes = texts(grant, "scopes");
    (!scopes.is_empty()).then(|| scopes.join(" "))
}

fn warning(account: &Value) -> Option<String> {
    let warnings = account.get("warnings").and_then(Value::as_array).into_iter().flatten();
    let texts: Vec<String> = warnings.filter_map(|warning| text(warning, "text")).collect();
    (!texts.is_empty()).then(|| texts.join(" "))
}

fn is_default(account: &Value) -> bool {
    account.get("default") == Some(&Value::Bool(true))
}

fn next_step(account: &Value, name: &str) -> String {
    let state = account.get("state").and_then(|state| text(state, "name"));
    let name = quoted(name);
    match state.as_deref() {
        Some("needs_sign_in") => format!("Next: `postern account authorize {name}`\n"),
        Some("ready") => {
            format!("Next: `postern test-email --account {name} --to ADDRESS`\n")
        }
        _ => String::new(),
    }
}
