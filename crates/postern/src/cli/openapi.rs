//! `postern openapi`: the API's description, built in; no server is needed.

use super::context::Verdict;
use super::screen::Screen;
use crate::api;

/// Print the OpenAPI document of the REST API
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  postern openapi > postern-openapi.json
  postern openapi | jq '.paths | keys'")]
pub(crate) struct OpenApi {}

pub(crate) fn print(screen: &mut Screen) -> Verdict {
    let document = api::openapi_json();
    screen.out(document.trim_end());
    screen.out("\n");
    Verdict::Done
}
