//! The OpenAPI document: what every route has in common is said here once.

use serde::Serialize;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, ResponseBuilder};
use utoipa::{OpenApi as _, ToSchema};

use super::session;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Postern", description = "The gate through which machines send their mail into Microsoft 365."),
    servers((url = "/api/v1")),
    components(schemas(Problem)),
    modifiers(&BearerToken, &SessionCookie),
    security(("bearer" = []), ("session" = []))
)]
struct Document;

/// A refusal (RFC 9457). Further members stand beside these, such as `choices`, `accounts` or `field`.
#[derive(Serialize, ToSchema)]
struct Problem {
    /// `urn:postern:problem:` and the code.
    r#type: String,
    /// The status in words.
    title: String,
    status: u16,
    /// What is wrong, for a person.
    detail: String,
    /// Stable, for programs.
    code: String,
    /// What to do next.
    hint: String,
}

struct BearerToken;

impl utoipa::Modify for BearerToken {
    fn modify(&self, document: &mut OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("An API token: postern token create, or POST /tokens."))
            .build();
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

struct SessionCookie;

impl utoipa::Modify for SessionCookie {
    fn modify(&self, document: &mut OpenApi) {
        let told =
            "A session of the console: POST /session. Everything but GET also needs the header X-Postern: 1.";
        let cookie = ApiKeyValue::with_description(session::COOKIE, told);
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    }
}

/// What the routes are added to.
pub(super) fn begin() -> OpenApi {
    Document::openapi()
}

/// The document with all routes: each operation gets a name of its own and its refusals.
pub(super) fn finish(mut document: OpenApi) -> String {
    for path in document.paths.paths.values_mut() {
        let methods = [&mut path.get, &mut path.post, &mut path.put, &mut path.patch, &mut path.delete];
        methods.into_iter().flatten().for_each(complete);
    }
    document.to_pretty_json().expect("a document of texts serialises")
}

/// Handlers of different nouns share their names; operations may not (OpenAPI 3.1, section 4.8.10.1).
fn complete(operation: &mut Operation) {
    let tag = operation.tags.as_deref().and_then(<[String]>::first).cloned().unwrap_or_default();
    operation.operation_id =
        operation.operation_id.take().map(|name| format!("{}_{name}", tag.replace('-', "_")));
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && response.description.is_empty()
        {
            response.description = describe(status).to_owned();
        }
    }
    let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let refusal = ResponseBuilder::new()
        .description("a refusal, with its code and what to do next")
        .content("application/problem+json", problem)
        .build();
    operation.responses.responses.insert("default".to_owned(), RefOr::T(refusal));
}

fn describe(status: &str) -> &'static str {
    match status {
        "200" => "as asked",
        "201" => "it was made",
        "204" => "done; there is nothing more to say",
        _ => "see the status",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    #[test]
    fn every_operation_has_a_name_of_its_own_and_tells_its_refusals() {
        let document: serde_json::Value = serde_json::from_str(&crate::api::openapi_json()).unwrap();
        let mut names = HashSet::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let name = operation["operationId"].as_str().unwrap();
                assert!(names.insert(name.to_owned()), "{method} {path}: {name} is taken");
                assert!(operation["responses"]["default"].is_object(), "{method} {path}");
            }
        }
        assert!(names.contains("certificates_import"));
    }
}
