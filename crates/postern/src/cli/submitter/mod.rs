//! `postern submitter …`: the devices and programs that may hand mail over. A password that was made is shown once, with
//! the three lines that a device wants to know, and never again.

mod options;
mod render;

use clap::Subcommand;
use clap::builder::NonEmptyStringValueParser;
use serde_json::{Value, json};

use super::client::path;
use super::context::{Context, Verdict, text};
use super::failure::Failure;
use super::screen::clean;
use options::{Cleared, Password, Settings};

#[derive(Debug, Subcommand)]
pub(crate) enum SubmitterCommand {
    /// Add a device or program that may hand mail over
    #[command(
        visible_alias = "create",
        after_help = "Examples:
  postern submitter add --name scanner --sender scanner@contoso.com
  postern submitter add --name printers --network 192.0.2.0/24 --foreign-from rewrite
  postern submitter add --name cron --uid 0 --uid 1000
  postern submitter add --name deploy --token --account contoso

Without --user, --network, --uid and --token it logs in by its name and a password that is made for it."
    )]
    Add(Add),
    /// List all submitters
    #[command(
        visible_alias = "ls",
        after_help = "Examples:
  postern submitter list
  postern submitter list --json"
    )]
    List,
    /// Show one submitter
    #[command(after_help = "Examples:
  postern submitter show scanner")]
    Show(Which),
    /// Change a submitter; a list that is given replaces the one before
    #[command(after_help = "Examples:
  postern submitter edit scanner --sender '*@contoso.com' --rate 30
  postern submitter edit scanner --disable
  postern submitter edit scanner --clear senders --clear account")]
    Edit(Edit),
    /// Remove a submitter; it can't hand mail over from then on
    #[command(
        visible_alias = "delete",
        after_help = "Examples:
  postern submitter remove scanner"
    )]
    Remove(Remove),
    /// Give a submitter another password: one that is made, or yours
    #[command(after_help = "Examples:
  postern submitter reset-password scanner
  pass postern/nas | postern submitter reset-password nas --password-stdin")]
    ResetPassword(ResetPassword),
    /// Give a submitter another API token and show it once
    #[command(after_help = "Examples:
  postern submitter reset-token deploy --json | jq -r .token")]
    ResetToken(Which),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Add {
    /// What it is called
    #[arg(long)]
    name: String,
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    password: Password,
    /// Make an API token for it
    #[arg(long)]
    token: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Which {
    /// Name or id of the submitter
    #[arg(value_name = "SUBMITTER", value_parser = NonEmptyStringValueParser::new())]
    submitter: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Edit {
    #[command(flatten)]
    which: Which,
    /// What it is called from now on
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    settings: Settings,
    /// Set one back to nothing: any sender, no network, any account, no limit, no login, no token
    #[arg(long, value_enum, value_name = "WHAT")]
    clear: Vec<Cleared>,
    /// Let it hand mail over again
    #[arg(long, conflicts_with = "disable")]
    enable: bool,
    /// Refuse its mail until it is enabled again
    #[arg(long)]
    disable: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Remove {
    #[command(flatten)]
    which: Which,
    /// Don't ask
    #[arg(long, short)]
    yes: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ResetPassword {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    password: Password,
}

pub(crate) async fn run(command: SubmitterCommand, context: &mut Context<'_>) -> Result<Verdict, Failure> {
    match command {
        SubmitterCommand::Add(add) => add_one(&add, context).await,
        SubmitterCommand::List => list(context).await,
        SubmitterCommand::Show(which) => show(&which, context).await,
        SubmitterCommand::Edit(edit) => edit_one(&edit, context).await,
        SubmitterCommand::Remove(remove) => remove_one(&remove, context).await,
        SubmitterCommand::ResetPassword(reset) => reset_password(&reset, context).await,
        SubmitterCommand::ResetToken(which) => reset_token(&which, context).await,
    }
}

async fn add_one(add: &Add, context: &mut Context<'_>) -> Result<Verdict, Failure> {
    let mut body = add.settings.to_json();
    body["name"] = json!(add.name);
    if let Some(password) = add.password.read()? {
        body["password"] = json!(password.expose());
    }
    if add.token {
        body["token"] = json!(true);
    }
    let made = context.client.post("/submitters", body).await?;
    let done = format!("Submitter \"{}\" is added.", name(&made));
    context.show(&made, |context| render::with_secrets(&done, &made, context.screen.out_look));
    Ok(Verdict::Done)
}

async fn list(context: &mut Context<'_>) -> Result<Verdict, Failure> {
    let list = context.fetch_list("/submitters").await?;
    context.show(&list, |context| render::list(&list, context.screen.out_look, context.now));
    Ok(Verdict::Done)
}

async fn show(which: &Which, context: &mut Context<'_>) -> Result<Verdict, Failure> {
    let found = context.client.fetch(&path(&["submitters", &which.submitter])).await?;
    context.show(&found, |context| render::details(&found, context.screen.out_look, context.now));
    Ok(Verdict::Done)
}

async fn edit_one(edit: &Edit, context: &mut Context<'_>) -> Result<Verdict, Failure> {
    let mut body = edit.settings.to_json();
    edit.clear.iter().for_each(|cleared| cleared.insert_into(&mut body));
    if let Some(name) = &edit.name {
        body["name"] = json!(name);
    }
    if edit.enable || edit.disable {
        body["enabled"] = json!(edit.enable);
    }
    if body.as_object().is_none_or(serde_json::Map::is_empty) {
        return Err(Failure::usage("nothing to change was given").hint("see `postern submitter edit --help`"));
    }
    let edited = context.client.patch(&path(&["submitters", &edit.which.submitter]), body).await?;
    let done = format!("Submitter \"{}\" is changed.", name(&edited));
    context.show(&edited, |context| render::with_secrets(&done, &edited, context.screen.out_look));
    Ok(Verdict::Done)
}

async fn remove_one(remove: &Remove, context: &mut Context<'_>) -> Result<Verdict, Failure> {
    let submitter = &remove.which.submitter;
    if !remove.yes && context.keyboard.is_terminal() {
        let question =
            format!("Remove submitter \"{}\"? Its mail is refused from then on.", clean(submitter));
        if !context.confirm(&question).await {
            return Err(Failure::new("cancelled", "nothing is removed"));
        }
    }
    context.client.delete(&path(&["submitters", submitter])).await?;
    let done = format!("Submitter \"{}\" is removed.", clean(submitter));
    context.tell_done(&json!({ "removed": submitter }), &done);
    Ok(Verdict::Done)
}

async fn reset_password(reset: &ResetPassword, context: &mut Context<'_>) -> Result<Verdict, Failure> {
    let body = match reset.password.read()? {
        Some(password) => json!({ "password": password.expose() }),
        None => json!({}),
    };
    let made = context.client.post(&path(&["submitters", &reset.which.submitter, "password"]), body).await?;
    let done = format!("Submitter \"{}\" has another password.", name(&made));
    context.show(&made, |context| render::with_secrets(&done, &made, context.screen.out_look));
    Ok(Verdict::Done)
}

async fn reset_token(which: &Which, context: &mut Context<'_>) -> Result<Verdict, Failure> {
    let made = context.client.post(&path(&["submitters", &which.submitter, "token"]), json!({})).await?;
    let done = format!("Submitter \"{}\" has another token; the one before is void.", name(&made));
    context.show(&made, |context| render::with_secrets(&done, &made, context.screen.out_look));
    Ok(Verdict::Done)
}

fn name(submitter: &Value) -> String {
    text(submitter, "name").unwrap_or_default()
}
