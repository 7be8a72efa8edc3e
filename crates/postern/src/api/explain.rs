//! The routes of `/explain`: what an error of Microsoft's means and what to do about it.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use m365::diagnosis::{Advice, Turn};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::access::Viewer;
use super::input::{Json, Query};
use crate::app::App;
use crate::explain;
use crate::problem::Problem;

/// A code, and for which account.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct ExplainQuery {
    /// A code such as `AADSTS700027`, `ErrorSendAsDenied` or `535 5.7.3`.
    code: String,
    /// Id or name of the account whose values are filled in.
    account: Option<String>,
}

/// A text, and for which account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainRequest {
    /// A code, the text of an error page, a JSON answer, lines of a log, a bounce. 64 Ki characters are read.
    text: String,
    /// Id or name of the account whose values are filled in.
    account: Option<String>,
}

/// What was found in the text, the most specific first.
#[derive(Debug, Serialize, ToSchema)]
pub struct Explanation {
    items: Vec<AdviceView>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Advice)]
struct AdviceView {
    code: String,
    /// Whether Postern knows it; else only the words that came with it say what it is.
    known: bool,
    /// What was said, whole.
    says: String,
    /// What that means.
    cause: String,
    /// What to do.
    fix: String,
    /// Whether it may pass by itself.
    temporary: bool,
    /// Whose turn it is: `tenant_administrator`, `postern_administrator`, `sender` or `wait`.
    #[schema(value_type = String)]
    turn: Turn,
}

/// Explains a code.
#[utoipa::path(get, path = "/explain", tag = "explain", params(ExplainQuery), responses((status = 200, body = Explanation)))]
pub async fn by_code(
    State(app): State<Arc<App>>,
    _viewer: Viewer,
    Query(query): Query<ExplainQuery>,
) -> Result<Response, Problem> {
    answer(explain::explain(&app, &query.code, query.account.as_deref()).await?)
}

/// Explains a whole text.
#[utoipa::path(post, path = "/explain", tag = "explain", request_body = ExplainRequest,
    responses((status = 200, body = Explanation)))]
pub async fn by_text(
    State(app): State<Arc<App>>,
    _viewer: Viewer,
    Json(request): Json<ExplainRequest>,
) -> Result<Response, Problem> {
    answer(explain::explain(&app, &request.text, request.account.as_deref()).await?)
}

fn answer(found: Vec<Advice>) -> Result<Response, Problem> {
    let items = found.into_iter().map(AdviceView::from).collect();
    Ok(axum::Json(Explanation { items }).into_response())
}

impl From<Advice> for AdviceView {
    fn from(advice: Advice) -> Self {
        let Advice { code, says, cause, fix, temporary, turn, known } = advice;
        Self { code, known, says, cause, fix, temporary, turn }
    }
}
