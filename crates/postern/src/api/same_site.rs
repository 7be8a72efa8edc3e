//! Refuses what another site's page makes a browser send: a session's cookie comes along by itself, so it alone proves
//! nothing. A page of ours sends a header that another site's can't add without asking (`X-Postern`), and the browser
//! says where the request comes from. Its neighbour is `access`. API tokens and `admin.sock` need none of this.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::Method;
use http::request::Parts;

use super::host::ReachedAs;
use crate::app::App;
use crate::problem::Problem;

/// The header that a page of ours adds; any value will do.
pub const HEADER: &str = "x-postern";

/// A request that no other site has made a browser send: for routes that need nobody signed in.
#[derive(Debug, Clone, Copy)]
pub struct SameSite(());

impl FromRequestParts<Arc<App>> for SameSite {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        check_origin(parts, app).map(|()| Self(()))
    }
}

/// Lets a request with a session's cookie pass if it only reads, or comes from a page of ours.
pub fn check_session_request(parts: &Parts, app: &App) -> Result<(), Problem> {
    if matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    if !parts.headers.contains_key(HEADER) {
        return Err(refuse("A request with a session's cookie also needs the header X-Postern: 1."));
    }
    check_origin(parts, app)
}

/// What the browser says: `Sec-Fetch-Site` (W3C Fetch Metadata, section 2.4), which no page can forge, else `Origin`. What
/// is no browser says neither, and nobody can make it send something.
fn check_origin(parts: &Parts, app: &App) -> Result<(), Problem> {
    let header = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let own = match (header("sec-fetch-site"), header("origin")) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => {
            let reached_as = parts.extensions.get::<ReachedAs>();
            reached_as.is_some_and(|reached_as| app.hosts.is_own_origin(origin, reached_as))
        }
        (None, None) => true,
    };
    if own { Ok(()) } else { Err(refuse("This request comes from a page of another site.")) }
}

fn refuse(message: &str) -> Problem {
    Problem::new("cross_site", message, "Use the console itself, or an API token.")
}
