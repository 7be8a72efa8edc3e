//! Every route of the house, in one place, and the layers that all of them pass: host check, security headers, trace.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use http::{HeaderName, HeaderValue, header};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::{Config as ViewerConfig, SwaggerUi};

use super::{
    accounts, audit_log, authorizations, certificates, console, document, explain, host, listeners, me,
    messages, metrics, queue, session, setup, status, submitters, test_email, tokens, users,
};
use crate::app::App;

/// How long a body may stand still on its way in.
const BODY_TIMEOUT: Duration = Duration::from_secs(20);
/// A certificate file of 1 MiB in base64, and its JSON around it.
const MAX_BODY_BYTES: usize = 2 * 1024 * 1024;

fn api() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(document::begin())
        .routes(routes!(certificates::list))
        .routes(routes!(certificates::import))
        .routes(routes!(certificates::generate))
        .routes(routes!(certificates::show, certificates::edit, certificates::delete))
        .routes(routes!(certificates::replace))
        .routes(routes!(certificates::download))
        .routes(routes!(certificates::export))
        .routes(routes!(accounts::list, accounts::create))
        .routes(routes!(accounts::show, accounts::edit, accounts::remove))
        .routes(routes!(accounts::check))
        .routes(routes!(authorizations::start))
        .routes(routes!(authorizations::confirm_latest))
        .routes(routes!(authorizations::show, authorizations::cancel))
        .routes(routes!(authorizations::complete))
        .routes(routes!(authorizations::confirm))
        .routes(routes!(test_email::send))
        .merge(mail())
        .routes(routes!(queue::show))
        .routes(routes!(queue::history))
        .routes(routes!(listeners::list))
        .routes(routes!(listeners::refusals))
        .routes(routes!(submitters::list, submitters::add))
        .routes(routes!(submitters::show, submitters::edit, submitters::remove))
        .routes(routes!(submitters::reset_password))
        .routes(routes!(submitters::reset_token))
        .routes(routes!(explain::by_code, explain::by_text))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::delete))
        .routes(routes!(session::show, session::sign_in, session::sign_out))
        .routes(routes!(session::list))
        .routes(routes!(session::end))
        .routes(routes!(setup::needed, setup::redeem))
        .routes(routes!(setup::renew))
        .routes(routes!(users::list, users::add))
        .routes(routes!(users::edit, users::remove))
        .routes(routes!(me::change_password))
        .routes(routes!(me::offer_totp, me::remove_totp))
        .routes(routes!(me::confirm_totp))
        .routes(routes!(audit_log::list))
        .routes(routes!(status::status))
        .routes(routes!(status::clouds))
        .routes(routes!(status::events))
}

/// The routes that may take bodies as large as a message is; they count the octets themselves.
fn mail() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(messages::list, messages::send))
        .routes(routes!(messages::show))
        .routes(routes!(messages::retry))
        .routes(routes!(messages::cancel))
        .routes(routes!(messages::hold))
        .routes(routes!(messages::release))
        .layer(DefaultBodyLimit::disable())
}

/// The OpenAPI document, as `/api/v1/openapi.json` serves it.
pub fn openapi_json() -> String {
    document::finish(api().split_for_parts().1)
}

/// The whole router, for the HTTPS door and for `admin.sock`.
pub fn build(app: &Arc<App>) -> Router {
    let (api, document) = api().split_for_parts();
    let viewer = SwaggerUi::new("/api/docs").config(ViewerConfig::from("/api/v1/openapi.json"));
    let document = document::finish(document);
    let open = Router::new()
        .route("/healthz", get(status::healthz))
        .route("/readyz", get(status::readyz))
        .route("/metrics", get(metrics::show))
        .route("/authorize", get(authorizations::callback_by_query).post(authorizations::callback_by_form))
        .route(
            "/api/v1/openapi.json",
            get(move || async move { ([(header::CONTENT_TYPE, "application/json")], document) }),
        );
    Router::new()
        .nest("/api/v1", api)
        .merge(open)
        .merge(viewer)
        .fallback(console::serve)
        .method_not_allowed_fallback(status::wrong_method)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(RequestBodyTimeoutLayer::new(BODY_TIMEOUT))
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&app.hosts), host::check))
        .layer(always(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(always(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"))
        .layer(unless_set(header::CACHE_CONTROL, "no-store"))
        .layer(unless_set(header::REFERRER_POLICY, "same-origin"))
        .layer(unless_set(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY))
        .with_state(Arc::clone(app))
}

/// Scripts and everything else from here only; the API's viewer sets styles in its elements.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

fn always(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value))
}

fn unless_set(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}
