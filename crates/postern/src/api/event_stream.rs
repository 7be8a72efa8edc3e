//! Server-sent events, answered so that they arrive as they happen: kept alive, and never held back on the way. Who
//! speaks by it: `status` and `test_email`.

use std::convert::Infallible;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::Stream;

/// What makes nginx, and proxies that learnt it from nginx, pass an answer on at once instead of filling a buffer first
/// (ngx_http_proxy_module, `proxy_buffering`).
const UNBUFFERED: (&str, &str) = ("x-accel-buffering", "no");

/// The events as an answer.
pub(super) fn event_stream<S>(events: S) -> Response
where
    S: Stream<Item = Result<Event, Infallible>> + Send + 'static,
{
    ([UNBUFFERED], Sse::new(events).keep_alive(KeepAlive::default())).into_response()
}
