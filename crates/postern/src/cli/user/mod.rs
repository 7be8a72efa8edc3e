//! `postern user …`: who may sign in to the console. A password comes from a file, from standard input or from the
//! terminal, typed twice, and never from the command line.

mod password;
mod render;

use clap::builder::NonEmptyStringValueParser;
use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::client::path;
use super::context::{Context, Verdict, text};
use super::failure::Failure;
use super::screen::clean;
use password::NewPassword;

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Add somebody who may sign in
    #[command(
        visible_alias = "create",
        after_help = "Examples:
  postern user add --name anna --role administrator
  pass postern/ben | postern user add --name ben --role viewer --password-stdin"
    )]
    Add(Add),
    /// List all users
    #[command(
        visible_alias = "ls",
        after_help = "Examples:
  postern user list
  postern user list --json"
    )]
    List,
    /// Remove a user; their sessions end at once
    #[command(
        visible_alias = "delete",
        after_help = "Examples:
  postern user remove ben"
    )]
    Remove(Remove),
    /// Give a user another role; their sessions end at once
    #[command(after_help = "Examples:
  postern user role ben operator")]
    Role(ChangeRole),
    /// Set another password, for somebody who lost theirs; their sessions end at once
    #[command(after_help = "Examples:
  postern user reset-password anna
  postern user reset-password anna --remove-totp  # the phone is lost, too")]
    ResetPassword(ResetPassword),
    /// Make a new set-up link, which makes an administrator once; the one before is void
    #[command(after_help = "Examples:
  postern user setup-link
  postern user setup-link --json | jq -r .url")]
    SetupLink,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Add {
    /// The name to sign in with
    #[arg(long, visible_alias = "user")]
    name: String,
    /// What they may do
    #[arg(long, value_enum)]
    role: Role,
    #[command(flatten)]
    password: NewPassword,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Which {
    /// Name or id of the user
    #[arg(value_name = "USER", value_parser = NonEmptyStringValueParser::new())]
    user: String,
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
pub(crate) struct ChangeRole {
    #[command(flatten)]
    which: Which,
    /// What they may do
    #[arg(value_enum)]
    role: Role,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ResetPassword {
    #[command(flatten)]
    which: Which,
    /// Remove the second factor and the recovery codes, too
    #[arg(long)]
    remove_totp: bool,
    #[command(flatten)]
    password: NewPassword,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Role {
    /// Everything
    Administrator,
    /// Everyday work, but no keys, tokens, users and settings
    Operator,
    /// Looking only
    Viewer,
}

pub(crate) async fn run(command: UserCommand, context: &mut Context<'_>) -> Result<Verdict, Failure> {
    match command {
        UserCommand::Add(add) => add_one(&add, context).await,
        UserCommand::List => list(context).await,
        UserCommand::Remove(remove) => remove_one(&remove, context).await,
        UserCommand::Role(change) => change_role(&change, context).await,
        UserCommand::ResetPassword(reset) => reset_password(&reset, context).await,
        UserCommand::SetupLink => renew_setup_link(context).await,
    }
}

async fn add_one(add: &Add, context: &mut Context<'_>) -> Result<Verdict, Failure> {
    let password = add.password.read(context.prompt())?;
    let body = json!({ "user": add.name, "role": add.role.as_str(), "password": password.expose() });
    let made = context.client.post("/users", body).await?;
    context.tell_done(&made, &format!("User \"{}\" may sign in, as {}.", name(&made), add.role.as_str()));
    Ok(Verdict::Done)
}

async fn list(context: &mut Context<'_>) -> Result<Verdict, Failure> {
    let list = context.fetch_list("/users").await?;
    context.show(&list, |context| render::render_list(&list, context.screen.out_look, context.now));
    Ok(Verdict::Done)
}

async fn remove_one(remove: &Remove, context: &mut Context<'_>) -> Result<Verdict, Failure> {
    let user = &remove.which.user;
    if !remove.yes && context.keyboard.is_terminal() {
        let question = format!("Remove user \"{}\"? Their sessions end at once.", clean(user));
        if !context.confirm(&question).await {
            return Err(Failure::new("cancelled", "nobody is removed"));
        }
    }
    context.client.delete(&path(&["users", user])).await?;
    context.tell_done(&json!({ "removed": user }), &format!("User \"{}\" is removed.", clean(user)));
    Ok(Verdict::Done)
}

async fn change_role(change: &ChangeRole, context: &mut Context<'_>) -> Result<Verdict, Failure> {
    let body = json!({ "role": change.role.as_str() });
    let user = context.client.patch(&path(&["users", &change.which.user]), body).await?;
    context.tell_done(&user, &format!("User \"{}\" is {} now.", name(&user), change.role.as_str()));
    Ok(Verdict::Done)
}

async fn reset_password(reset: &ResetPassword, context: &mut Context<'_>) -> Result<Verdict, Failure> {
    let password = reset.password.read(context.prompt())?;
    let mut body = json!({ "password": password.expose() });
    if reset.remove_totp {
        body["totp"] = json!(false);
    }
    let user = context.client.patch(&path(&["users", &reset.which.user]), body).await?;
    context.tell_done(&user, &format!("User \"{}\" has another password.", name(&user)));
    if user.get("totp").and_then(Value::as_bool) == Some(true) && !context.json {
        context.screen.warn("The second factor is still needed; --remove-totp removes it.");
    }
    Ok(Verdict::Done)
}

async fn renew_setup_link(context: &mut Context<'_>) -> Result<Verdict, Failure> {
    let link = context.client.post("/setup-link", json!({})).await?;
    let url =
        text(&link, "url").ok_or_else(|| Failure::new("unexpected_answer", "the server sent no link"))?;
    context.show(&link, |_| format!("This link makes an administrator, once:\n\n{url}\n\n"));
    Ok(Verdict::Done)
}

fn name(user: &Value) -> String {
    text(user, "user").unwrap_or_default()
}

impl Role {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Operator => "operator",
            Self::Viewer => "viewer",
        }
    }
}
