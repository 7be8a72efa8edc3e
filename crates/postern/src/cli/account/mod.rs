//! `postern account …`: the Microsoft 365 accounts through which mail goes out.

mod options;
mod render;

use clap::Subcommand;
use clap::builder::NonEmptyStringValueParser;
use serde_json::{Map, Value, json};

use super::authorize;
use super::client::path;
use super::context::{Context, Verdict, text, texts};
use super::failure::Failure;
use super::password::SecretSource;
use super::stages;
use super::when;
use options::Settings;

#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// Add an account: one app registration in one tenant
    #[command(after_help = "Examples:
  postern account add --name contoso --tenant contoso.com --client APPLICATION-ID --certificate gate
  postern account add --tenant TENANT-ID --client APPLICATION-ID --secret-file secret.txt \\
      --sign-in application --from scanner@contoso.com
  pass contoso/secret | postern account add --name contoso --tenant contoso.com --client APPLICATION-ID --secret-stdin")]
    Add(Add),
    /// List all accounts
    #[command(
        visible_alias = "ls",
        after_help = "Examples:
  postern account list
  postern account list --json | jq -r '.[] | select(.state.name != \"ready\") | .name'"
    )]
    List,
    /// Show one account, with the redirect URIs to register
    #[command(after_help = "Examples:
  postern account show contoso
  postern account show contoso --json | jq -r '.redirect_uris[]'")]
    Show(Which),
    /// Change an account; what isn't named stays
    #[command(after_help = "Examples:
  postern account edit contoso --certificate gate-2027
  postern account edit contoso --transport smtp --from scanner@contoso.com
  postern account edit contoso --default")]
    Edit(Edit),
    /// Remove an account and its grant
    #[command(
        visible_alias = "delete",
        after_help = "Examples:
  postern account remove contoso --yes"
    )]
    Remove(Remove),
    /// Go through all stages of a test mail but the mail itself
    #[command(after_help = "Examples:
  postern account check contoso
  postern account check contoso --json | jq '.stages[] | select(.ok | not)'")]
    Check(Which),
    /// Sign in: print the address to open, wait, and show who signed in
    #[command(after_help = "Examples:
  postern account authorize contoso
  postern account authorize contoso --redirect https://localhost:4443/authorize
  postern account authorize contoso --no-wait --json
  postern account authorize contoso --paste        # the browser can't reach this server
  postern account authorize contoso --device-code  # the last resort")]
    Authorize(authorize::Authorize),
    /// Keep what a sign-in found that was started with --no-wait
    #[command(after_help = "Examples:
  postern account confirm contoso")]
    Confirm(Which),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Which {
    /// Name or id of the account
    #[arg(value_name = "ACCOUNT", value_parser = NonEmptyStringValueParser::new())]
    account: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Add {
    /// Name of the account [default: the tenant]
    #[arg(long)]
    name: Option<String>,
    /// Tenant: its id, or one of its verified domains
    #[arg(long, visible_alias = "tenant-id", value_name = "TENANT")]
    tenant: String,
    /// Application (client) id of the app registration
    #[arg(long, visible_alias = "client-id", value_name = "ID")]
    client: String,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Edit {
    #[command(flatten)]
    which: Which,
    /// The new name
    #[arg(long)]
    name: Option<String>,
    /// Another tenant; a sign-in of the old one is then void
    #[arg(long, visible_alias = "tenant-id", value_name = "TENANT")]
    tenant: Option<String>,
    /// Another application (client) id; a sign-in with the old one is then void
    #[arg(long, visible_alias = "client-id", value_name = "ID")]
    client: Option<String>,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Remove {
    #[command(flatten)]
    which: Which,
    /// Don't ask
    #[arg(long, short)]
    yes: bool,
}

pub(crate) async fn run(command: AccountCommand, context: &mut Context<'_>) -> Result<Verdict, Failure> {
    match command {
        AccountCommand::Add(add) => add_one(&add, context).await,
        AccountCommand::List => list(context).await,
        AccountCommand::Show(which) => show(&which, context).await,
        AccountCommand::Edit(edit) => change(&edit, context).await,
        AccountCommand::Remove(remove) => remove_one(&remove, context).await,
        AccountCommand::Check(which) => check(&which, context).await,
        AccountCommand::Authorize(authorize) => authorize::run(&authorize, context).await,
        AccountCommand::Confirm(which) => confirm(&which, context).await,
    }
}

async fn add_one(add: &Add, context: &mut Context<'_>) -> Result<Verdict, Failure> {
    let mut body = Map::new();
    options::insert(&mut body, "name", add.name.as_deref());
    body.insert("tenant_id".into(), json!(add.tenant));
    body.insert("client_id".into(), json!(add.client));
    add.settings.insert_into(&mut body);
    let credential = match &add.settings.certificate {
        Some(certificate) => by_certificate(certificate),
        None => by_secret(&add.settings, context)?,
    };
    body.insert("credential".into(), credential);
    let added = context.client.post("/accounts", Value::Object(body)).await?;
    context.show(&added, |context| render::added(&added, context));
    tell_notices(&added, context);
    Ok(Verdict::Done)
}

async fn list(context: &mut Context<'_>) -> Result<Verdict, Failure> {
    let list = context.fetch_list("/accounts").await?;
    context.show(&list, |context| render::list(&list, context));
    Ok(Verdict::Done)
}

async fn show(which: &Which, context: &mut Context<'_>) -> Result<Verdict, Failure> {
    let found = fetch(&which.account, context).await?;
    context.show(&found, |context| render::details(&found, context));
    Ok(Verdict::Done)
}

/// One account by name or id.
pub(super) async fn fetch(account: &str, context: &Context<'_>) -> Result<Value, Failure> {
    context.client.fetch(&path(&["accounts", account])).await
}

async fn change(edit: &Edit, context: &mut Context<'_>) -> Result<Verdict, Failure> {
    let mut body = Map::new();
    options::insert(&mut body, "name", edit.name.as_deref());
    options::insert(&mut body, "tenant_id", edit.tenant.as_deref());
    options::insert(&mut body, "client_id", edit.client.as_deref());
    edit.settings.insert_into(&mut body);
    if let Some(certificate) = &edit.settings.certificate {
        body.insert("credential".into(), by_certificate(certificate));
    } else if edit.settings.names_secret() {
        body.insert("credential".into(), by_secret(&edit.settings, context)?);
    }
    if body.is_empty() {
        return Err(Failure::usage("nothing to change").hint("see `postern account edit --help`"));
    }
    let address = path(&["accounts", &edit.which.account]);
    let changed = context.client.patch(&address, Value::Object(body)).await?;
    let name = text(&changed, "name").unwrap_or_default();
    context.tell_done(&changed, &format!("Account \"{name}\" is changed."));
    tell_notices(&changed, context);
    Ok(Verdict::Done)
}

/// A person is asked; a script that says `remove` means it.
async fn remove_one(remove: &Remove, context: &mut Context<'_>) -> Result<Verdict, Failure> {
    let found = fetch(&remove.which.account, context).await?;
    let name = text(&found, "name").unwrap_or_default();
    let id = text(&found, "id").unwrap_or_default();
    if !remove.yes && context.keyboard.is_terminal() {
        let question = format!("Remove account \"{name}\" and its sign-in?");
        if !context.confirm(&question).await {
            return Err(Failure::new("cancelled", "nothing is removed"));
        }
    }
    context.client.delete(&path(&["accounts", &id])).await?;
    context.tell_done(&found, &format!("Account \"{name}\" is removed."));
    Ok(Verdict::Done)
}

async fn check(which: &Which, context: &mut Context<'_>) -> Result<Verdict, Failure> {
    let address = path(&["accounts", &which.account, "check"]);
    stages::follow(&address, json!({}), context).await
}

async fn confirm(which: &Which, context: &mut Context<'_>) -> Result<Verdict, Failure> {
    let address = path(&["accounts", &which.account, "confirm"]);
    let kept = context.client.post(&address, json!({})).await?;
    context.show(&kept, |context| render::kept(&kept, context));
    Ok(Verdict::Done)
}

/// The last line of a sign-in that is kept.
pub(super) fn render_kept(account: &Value, context: &Context<'_>) -> String {
    render::kept(account, context)
}

fn by_certificate(certificate: &str) -> Value {
    json!({ "kind": "certificate", "certificate": certificate })
}

fn by_secret(settings: &Settings, context: &mut Context<'_>) -> Result<Value, Failure> {
    let source: &SecretSource = &settings.secret;
    let secret = source.read(context.prompt())?;
    let mut credential = json!({ "kind": "secret", "secret": secret.expose() });
    if let Some(expires) = settings.secret_expires {
        credential["expires"] = json!(when::to_api(expires));
    }
    Ok(credential)
}

/// What a change brought with it, such as a grant that is void now.
fn tell_notices(account: &Value, context: &mut Context<'_>) {
    if context.json {
        return;
    }
    for notice in texts(account, "notices") {
        context.screen.warn(&notice);
    }
}
