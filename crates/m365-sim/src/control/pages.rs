//! The control port's page: mailboxes and every switch, for a person in front of a demo.

use super::ControlError;
use crate::mailbox::{Counts, Folder, Stored};
use crate::page;
use crate::steering::STEERING;
use crate::tenant::Tenant;
use crate::timestamp;
use crate::web::{Answer, Call};
use crate::world::{SWITCHES, SwitchInfo};
use mail_parser::MessageParser;
use serde_json::{Value, json};

/// Tenant, users, mailboxes, switches.
pub(super) fn overview(tenant: &Tenant) -> Answer {
    let state = tenant.lock();
    let world = &state.world;
    let info = &world.tenant;
    let values = json!(world.switches);
    let switches: String = SWITCHES.iter().map(|switch| switch_row(switch, &values[switch.name])).collect();
    let users: String = world
        .users
        .iter()
        .map(|user| {
            let licenses: Vec<String> = user.licenses.iter().map(|license| String::from(*license)).collect();
            let smtp = user.smtp_auth.map_or("as the organization", |on| if on { "on" } else { "off" });
            row(&[&user.upn, &user.name, yes_no(user.mailbox), &licenses.join(", "), smtp, yes_no(user.mfa)])
        })
        .collect();
    let apps: String = world
        .apps
        .iter()
        .map(|app| {
            let certificates: Vec<String> =
                app.certificates.iter().map(|one| hex::encode_upper(one.thumbprint_sha1())).collect();
            row(&[
                &app.name,
                &app.client_id.to_string(),
                &certificates.join(", "),
                &app.secrets.len().to_string(),
                yes_no(app.admin_consent),
            ])
        })
        .collect();
    let boxes: String =
        state.mailboxes.counts().map(|(address, counts)| mailbox_row(address, counts)).collect();
    let recipients: String =
        STEERING.iter().map(|name| row(&[name.name, name.does, name.provokes])).collect();
    let body = format!(
        "<h1>Simulated Microsoft 365 tenant</h1><p>{} · <code>{}</code> · <code>{}</code> · clock {}</p>\
         <form method=\"post\" action=\"/page/clock\"><label for=\"advance_seconds\">Move the clock forward by seconds</label>\
         <input type=\"text\" id=\"advance_seconds\" name=\"advance_seconds\" value=\"3600\" size=\"12\"><button type=\"submit\">Move</button></form>\
         <h2>Mailboxes</h2><table><tr><th>Address<th>Received<th>Sent</tr>{boxes}</table>\
         <h2>Users</h2><table><tr><th>Sign-in name<th>Name<th>Mailbox<th>Licenses<th>Authenticated SMTP<th>MFA</tr>{users}</table>\
         <h2>Applications</h2><table><tr><th>Name<th>Client ID<th>Certificates (SHA-1)<th>Secrets<th>Admin consent</tr>{apps}</table>\
         <h2>Switches</h2><table><tr><th>Switch<th>Value<th>What it does<th>Provokes</tr>{switches}</table>\
         <h2>Recipients that steer</h2><table><tr><th>Recipient<th>What it does<th>Provokes</tr>{recipients}</table>\
         <p>Also as JSON: <a href=\"/world\">/world</a>, <a href=\"/switches\">/switches</a>, <a href=\"/requests\">/requests</a>.</p>",
        page::text(&info.name),
        page::text(&info.domain),
        info.id,
        timestamp::seconds(tenant.now()),
    );
    page::wide(200, "Simulated tenant", &body)
}

/// The messages of one address.
pub(super) fn mailbox(tenant: &Tenant, address: &str) -> Answer {
    let state = tenant.lock();
    let list = |folder| -> String {
        state.mailboxes.messages(&state.world, address, folder).iter().rev().map(message_row).collect()
    };
    let body = format!(
        "<h1>{}</h1><h2>Inbox</h2><table><tr><th>Received<th>From<th>To<th>Subject<th>Via</tr>{}</table>\
         <h2>Sent Items</h2><table><tr><th>Sent<th>From<th>To<th>Subject<th>Via</tr>{}</table><p><a href=\"/\">All mailboxes</a></p>",
        page::text(address),
        list(Folder::Inbox),
        list(Folder::SentItems),
    );
    page::wide(200, address, &body)
}

/// Moves the tenant's clock.
pub(super) fn move_clock(tenant: &Tenant, call: &Call) -> Result<Answer, ControlError> {
    check_origin(call)?;
    let seconds = call.form().get("advance_seconds").and_then(|text| text.trim().parse::<i64>().ok());
    super::advance(tenant, &json!({"advance_seconds": seconds}))?;
    Ok(Answer::empty(303).with("location", "/"))
}

/// A form of another site is refused.
fn check_origin(call: &Call) -> Result<(), ControlError> {
    let own = format!("http://{}", call.host);
    let foreign = call.header("origin").is_some_and(|origin| origin != own);
    if foreign { Err(ControlError::Foreign) } else { Ok(()) }
}

/// Sets one switch from the page's form.
pub(super) fn set_switch(tenant: &Tenant, call: &Call) -> Result<Answer, ControlError> {
    check_origin(call)?;
    let form = call.form();
    let (name, value) = (form.get("name").unwrap_or_default(), form.get("value").unwrap_or("null"));
    let value = serde_json::from_str(value).unwrap_or_else(|_| json!(value));
    super::put_switches(tenant, &json!({name: value}))?;
    Ok(Answer::empty(303).with("location", "/"))
}

fn switch_row(switch: &SwitchInfo, value: &Value) -> String {
    let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    format!(
        "<tr><td><code>{name}</code><td><form method=\"post\" action=\"/page/switch\">{hidden}\
         <input type=\"text\" name=\"value\" value=\"{value}\" size=\"12\" aria-label=\"{name}\"><button type=\"submit\">Set</button></form>\
         <td>{does}<td>{provokes}</tr>",
        name = switch.name,
        hidden = page::hidden("name", switch.name),
        value = page::attribute(&shown),
        does = page::text(switch.does),
        provokes = page::text(switch.provokes),
    )
}

fn message_row(stored: &Stored) -> String {
    let message = MessageParser::default().parse_headers(&*stored.mime).unwrap_or_default();
    let via = json!(stored.via);
    row(&[
        &timestamp::seconds(stored.received),
        &stored.envelope.from,
        &stored.envelope.to.join(", "),
        message.subject().unwrap_or_default(),
        via.as_str().unwrap_or_default(),
    ])
}

fn mailbox_row(address: &str, counts: Counts) -> String {
    let link = url::form_urlencoded::byte_serialize(address.as_bytes()).collect::<String>();
    format!(
        "<tr><td><a href=\"/mail/{}\">{}</a><td>{}<td>{}</tr>",
        page::attribute(&link),
        page::text(address),
        counts.received,
        counts.sent,
    )
}

fn row(cells: &[&str]) -> String {
    let cells: String = cells.iter().map(|cell| format!("<td>{}", page::text(cell))).collect();
    format!("<tr>{cells}</tr>")
}

fn yes_no(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}
