//! When no usable answer came: what stood between Postern and Microsoft.

use super::Turn;
use super::words::{Words, words};
use crate::failure::{NetworkKind, NetworkTrouble};
use Turn::PosternAdministrator;

/// The words for a network trouble: every kind has some.
pub(super) fn look_up(trouble: &NetworkTrouble) -> &'static Words {
    match (trouble.kind, trouble.target.ends_with(":587")) {
        (NetworkKind::Dns, _) => &DNS,
        (NetworkKind::Connect, true) => &CONNECT_SMTP,
        (NetworkKind::Connect, false) => &CONNECT,
        (NetworkKind::Tls, _) => of_certificate(&trouble.detail.to_lowercase()),
        (NetworkKind::Proxy, _) => &PROXY,
        (NetworkKind::Timeout, _) if trouble.target.ends_with(":465") => &TLS_FROM_THE_START,
        (NetworkKind::Timeout, _) => &TIMEOUT,
        (NetworkKind::Reset, _) => &RESET,
        (NetworkKind::AfterLastByte, _) => &AFTER_LAST_BYTE,
        (NetworkKind::Unreadable, _) => &UNREADABLE,
    }
}

/// Only an authority that isn't known can be made known; the TLS library's words tell.
fn of_certificate(detail: &str) -> &'static Words {
    if detail.contains("not valid for") || detail.contains("notvalidforname") {
        &OTHER_NAME
    } else if detail.contains("expired") {
        &EXPIRED
    } else {
        &TLS
    }
}

/// The kind that has this name.
pub(super) fn find_kind(name: &str) -> Option<NetworkKind> {
    const KINDS: [NetworkKind; 8] = [
        NetworkKind::Dns,
        NetworkKind::Connect,
        NetworkKind::Tls,
        NetworkKind::Proxy,
        NetworkKind::Timeout,
        NetworkKind::Reset,
        NetworkKind::AfterLastByte,
        NetworkKind::Unreadable,
    ];
    KINDS.into_iter().find(|kind| kind.name() == name)
}

const DNS: Words = words(
    PosternAdministrator,
    "The name of {target} can't be looked up from this machine.",
    "Check the machine's DNS (`resolvectl query` or `getent hosts` with the name), and its connection to the internet. In a network that allows the web through a proxy only, set the proxy in postern.toml.",
);
const CONNECT: Words = words(
    PosternAdministrator,
    "No connection to {target}: the network or a firewall lets nothing through, or nobody listens there.",
    "Allow connections from this machine to {target}, or set the proxy in postern.toml if the network wants one.",
);
const CONNECT_SMTP: Words = words(
    PosternAdministrator,
    "No connection to {target}. Many networks and hosting providers block port 587.",
    "Allow connections from this machine to {target}; or set the account's transport to Microsoft Graph, which uses https.",
);
const TLS: Words = words(
    PosternAdministrator,
    "The certificate of {target} isn't trusted, or no common TLS version was found. Most often a firewall that inspects TLS shows a certificate of its own; in a bare container the list of trusted authorities is missing.",
    "Exempt {target} from TLS inspection, or give its authority as `ca_file`. On a bare system install ca-certificates. Check the clock (`timedatectl`).",
);
const OTHER_NAME: Words = words(
    PosternAdministrator,
    "{target} shows a certificate for another name. Either the address leads to another server, or one in between answers.",
    "Check the address in the [[cloud]] of postern.toml, if you configured one: it must be a name that stands in the server's certificate. Else exempt {target} from TLS inspection.",
);
const EXPIRED: Words = words(
    PosternAdministrator,
    "{target} shows a certificate whose time is over, by the clock of this machine.",
    "Check this machine's clock (`timedatectl`). If it is right, whoever runs the server, or the firewall that inspects TLS, must renew the certificate.",
);
const TLS_FROM_THE_START: Words = words(
    PosternAdministrator,
    "{target} said nothing: port 465 speaks TLS from the start, and Postern begins with STARTTLS.",
    "Set `smtp` of the [[cloud]] in postern.toml to the submission port, 587.",
);
const PROXY: Words = words(
    PosternAdministrator,
    "The proxy didn't connect Postern to {target}.",
    "Check the proxy's address, user name and password in postern.toml (or HTTPS_PROXY), and that it allows {target}.",
);
const TIMEOUT: Words = words(
    PosternAdministrator,
    "{target} was reached and didn't answer in time.",
    "Try again. If it stays, look for a firewall that lets connections open but nothing through, and at Microsoft's service health ({admin} > Health > Service health).",
);
const RESET: Words = words(
    PosternAdministrator,
    "The connection to {target} broke before there was an answer.",
    "Try again. If it stays, look for a firewall or antivirus that inspects and cuts connections.",
);
const AFTER_LAST_BYTE: Words = words(
    PosternAdministrator,
    "The whole message was sent, and the connection broke before {target} confirmed it. It may have been sent, or not.",
    "Look into Sent Items of {mailbox} before sending it again.",
);
const UNREADABLE: Words = words(
    PosternAdministrator,
    "Something answered in place of {target}: a captive portal, a proxy's page, or another server.",
    "Open the address from this machine by hand, and look who answers. Check the addresses of the [[cloud]] in postern.toml, if you configured one.",
);
