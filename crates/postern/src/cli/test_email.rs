//! `postern test-email`: one mail through an account, stage by stage.

use serde_json::{Value, json};

use super::context::{Context, Verdict};
use super::failure::Failure;
use super::stages;

/// Send a test mail and show each stage as it happens
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  postern test-email --to you@contoso.com
  postern test-email --to you@contoso.com --account contoso --json | jq .message_id

Exit status 1 when a stage failed; its cause and its fix are shown.")]
pub(crate) struct TestEmail {
    /// Who receives it
    #[arg(long, value_name = "ADDRESS")]
    to: String,
    /// Name or id of the account [default: the default account]
    #[arg(long)]
    account: Option<String>,
}

pub(crate) async fn run(test: &TestEmail, context: &mut Context<'_>) -> Result<Verdict, Failure> {
    let mut body = json!({ "to": test.to });
    if let Some(account) = &test.account {
        body["account"] = Value::String(account.clone());
    }
    stages::follow("/test-email", body, context).await
}
