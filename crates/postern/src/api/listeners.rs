//! The routes about the doors for devices: where they are really open, how a conversation is encrypted and until when
//! their certificate holds, and whom they refused last. Its neighbours are `submission_doors`, which opens them, and the
//! console's page *Submission*.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use certs::CertificateDetails;
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::access::Viewer;
use super::moment;
use crate::app::App;
use crate::config::ListenerTls;
use crate::queue::refusals::Refused;
use crate::submission_doors::Server;
use crate::tls::CurrentCertificate;

/// A door for devices.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Listener)]
pub struct ListenerView {
    /// Where it is open: address and port as they were really got.
    address: String,
    /// What a device is told to connect to.
    host: String,
    port: u16,
    /// `starttls`, `implicit` or `none`.
    tls: &'static str,
    /// Whether only programs of this machine reach it.
    loopback: bool,
    /// What it proves itself with; null without encryption.
    certificate: Option<ListenerCertificateView>,
}

/// A listener's certificate, as it is shown to devices now.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ListenerCertificate)]
struct ListenerCertificateView {
    /// `console`: the console's; `own`: the listener has files of its own.
    source: &'static str,
    subject: String,
    /// Signed by nobody else: devices that check certificates must be told to trust it.
    self_signed: bool,
    not_after: String,
    /// Whole days, negative when it is over.
    days_left: i64,
    /// Lower-case hex.
    thumbprint_sha256: String,
}

/// The doors, in the order of the configuration.
#[derive(Debug, Serialize, ToSchema)]
pub struct ListenerList {
    items: Vec<ListenerView>,
}

/// Somebody or something that was refused at a door.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DoorRefusal)]
struct RefusalView {
    at: String,
    /// Empty where nobody had proved who they are.
    submitter: String,
    /// An address, `uid 1000`; empty where it isn't known.
    source: String,
    /// The reply's code (RFC 5321, section 4.2): 4xx for now, 5xx for good. 421 4.7.5 is a TLS handshake that failed,
    /// where nothing can be said.
    code: u16,
    /// The enhanced code (RFC 3463).
    enhanced: String,
    text: String,
}

/// What was refused last, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct RefusalList {
    items: Vec<RefusalView>,
}

/// The submission listeners as they are really open.
#[utoipa::path(get, path = "/listeners", tag = "listeners", responses((status = 200, body = ListenerList)))]
pub async fn list(State(app): State<Arc<App>>, _viewer: Viewer) -> Response {
    let items = app.servers.iter().map(|server| ListenerView::new(&app, server)).collect();
    axum::Json(ListenerList { items }).into_response()
}

/// The last hundred refusals at the doors since the server was started, newest first.
#[utoipa::path(get, path = "/listeners/refusals", tag = "listeners", responses((status = 200, body = RefusalList)))]
pub async fn refusals(State(app): State<Arc<App>>, _viewer: Viewer) -> Response {
    let items = app.queue.refusals.newest().into_iter().map(RefusalView::from).collect();
    axum::Json(RefusalList { items }).into_response()
}

impl ListenerView {
    fn new(app: &App, server: &Server) -> Self {
        let shown = server.certificate.as_ref().map(|own| ("own", own));
        let shown = shown.or_else(|| app.console_certificate.get().map(|console| ("console", console)));
        let shown = shown.filter(|_| server.tls != ListenerTls::None);
        Self {
            address: server.address.to_string(),
            host: server.host(&app.hosts).to_owned(),
            port: server.address.port(),
            tls: server.tls.as_str(),
            loopback: server.address.ip().is_loopback(),
            certificate: shown
                .and_then(|(source, shown)| ListenerCertificateView::new(source, shown, app.now())),
        }
    }
}

impl ListenerCertificateView {
    fn new(source: &'static str, shown: &CurrentCertificate, now: OffsetDateTime) -> Option<Self> {
        let details = match CertificateDetails::from_der(&shown.leaf()?) {
            Ok(details) => details,
            Err(error) => {
                tracing::warn!(%error, "cannot read a listener's certificate");
                return None;
            }
        };
        Some(Self {
            source,
            self_signed: details.subject == details.issuer,
            not_after: moment::text(details.not_after),
            days_left: (details.not_after - now).whole_seconds().div_euclid(24 * 60 * 60),
            thumbprint_sha256: details.thumbprint_sha256,
            subject: details.subject,
        })
    }
}

impl From<Refused> for RefusalView {
    fn from(refused: Refused) -> Self {
        Self {
            at: moment::text(refused.at),
            submitter: refused.submitter,
            source: refused.source,
            code: refused.refusal.code,
            enhanced: refused.refusal.enhanced.to_string(),
            text: refused.refusal.text.to_string(),
        }
    }
}
