//! How users are shown.

use serde_json::Value;
use time::OffsetDateTime;

use crate::cli::context::text;
use crate::cli::screen::Look;
use crate::cli::table::{draw, expendable, kept};
use crate::cli::when;

pub(super) fn render_list(users: &Value, look: Look, now: OffsetDateTime) -> String {
    let entries = users.as_array().map_or(&[][..], Vec::as_slice);
    if entries.is_empty() {
        return "No users yet: `postern user setup-link` makes a link for the first one.\n".to_owned();
    }
    let columns = [
        kept("NAME"),
        kept("ROLE"),
        expendable("SECOND FACTOR", 1),
        expendable("LAST SIGN-IN", 2),
        expendable("CREATED", 3),
        expendable("ID", 4),
    ];
    let rows: Vec<Vec<String>> = entries.iter().map(|entry| row(entry, look, now)).collect();
    draw(&columns, &rows, look)
}

fn row(user: &Value, look: Look, now: OffsetDateTime) -> Vec<String> {
    let cell = |name: &str| text(user, name).unwrap_or_default();
    let moment = |name: &str| text(user, name).and_then(|moment| when::parse(&moment));
    let nothing = || look.nothing().to_owned();
    let totp = user.get("totp").and_then(Value::as_bool) == Some(true);
    vec![
        cell("user"),
        cell("role"),
        if totp { "yes".to_owned() } else { nothing() },
        moment("last_sign_in").map_or_else(nothing, |at| when::relative(at, now)),
        moment("created").map_or_else(nothing, when::date),
        cell("id"),
    ]
}
