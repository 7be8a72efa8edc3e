//! `postern certificate …`: bring certificates in, show them, hand out their public part.

mod options;
mod render;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use std::io::IsTerminal;
use std::path::Path;

use super::client::path;
use super::context::{Context, Verdict, text, texts};
use super::failure::Failure;
use super::files::{self, Output, Readers};
use super::password::{PasswordSource, Secret, Typing};
use super::screen::clean;
pub(crate) use options::CertificateCommand;
use options::{Delete, Edit, Export, Format, Generate, Import, Profile, Replace, Which};

/// The server refuses what is larger; a client that read it first would waste memory on a wrong file.
const FILE_LIMIT_BYTES: u64 = 1024 * 1024;

pub(crate) async fn run(command: CertificateCommand, context: &mut Context<'_>) -> Result<Verdict, Failure> {
    match command {
        CertificateCommand::Import(import) => import_file(&import, context).await,
        CertificateCommand::Generate(generate) => generate_one(&generate, context).await,
        CertificateCommand::List => list(context).await,
        CertificateCommand::Show(which) => show(&which, context).await,
        CertificateCommand::Edit(edit) => change(&edit, context).await,
        CertificateCommand::Replace(replace) => replace_file(&replace, context).await,
        CertificateCommand::Delete(delete) => delete_one(&delete, context).await,
        CertificateCommand::Export(export) => export_one(&export, context).await,
    }
}

async fn import_file(import: &Import, context: &mut Context<'_>) -> Result<Verdict, Failure> {
    let mut body = read_key_file(&import.file, &import.password, context)?;
    body.insert("name".into(), json!(import.name));
    insert_given(&mut body, "description", import.description.as_deref());
    insert_given(&mut body, "thumbprint", import.thumbprint.as_deref());
    body.insert("exportable".into(), json!(import.exportable));
    let stored = context.client.post("/certificates/import", Value::Object(body)).await?;
    context.show(&stored, |context| render::stored(&stored, "imported", context));
    Ok(Verdict::Done)
}

async fn generate_one(generate: &Generate, context: &mut Context<'_>) -> Result<Verdict, Failure> {
    let output = generate.output.as_deref().map(Output::check).transpose()?;
    refuse_mixture(output.as_ref(), context.json)?;
    let mut body = Map::new();
    body.insert("name".into(), json!(generate.name));
    insert_given(&mut body, "description", generate.description.as_deref());
    insert_given(&mut body, "subject", generate.subject.as_deref());
    if let Some(key_size) = generate.key_size {
        body.insert("key_bits".into(), json!(key_size.bits()));
    }
    if let Some(days) = generate.days {
        body.insert("days".into(), json!(days));
    }
    body.insert("exportable".into(), json!(generate.exportable));
    let stored = context.client.post("/certificates/generate", Value::Object(body)).await?;
    if let Some(output) = &output {
        save_public_part(&stored, output, context)
            .await
            .map_err(|failure| not_saved(failure, &generate.name))?;
    }
    if output.as_ref().is_some_and(Output::is_stdout) {
        return Ok(Verdict::Done);
    }
    context.show(&stored, |context| render::generated(&stored, output.as_ref(), context));
    Ok(Verdict::Done)
}

async fn save_public_part(stored: &Value, output: &Output, context: &mut Context<'_>) -> Result<(), Failure> {
    let id = text(stored, "id").unwrap_or_default();
    let address = format!("{}?format=cer", path(&["certificates", &id, "download"]));
    let bytes = context.client.fetch_bytes(&address).await?;
    output.write(&bytes, Readers::AsUsual, context.screen)
}

/// The certificate is in the store already: who reads the error must not generate another.
fn not_saved(failure: Failure, name: &str) -> Failure {
    failure.hint(format!(
        "the certificate itself is stored; save its public part with `postern certificate export {} --format cer --output FILE`",
        quoted(name)
    ))
}

async fn list(context: &mut Context<'_>) -> Result<Verdict, Failure> {
    let list = context.fetch_list("/certificates").await?;
    context.show(&list, |context| render::list(&list, context));
    Ok(Verdict::Done)
}

async fn show(which: &Which, context: &mut Context<'_>) -> Result<Verdict, Failure> {
    let found = fetch(which, context).await?;
    context.show(&found, |context| render::details(&found, context));
    Ok(Verdict::Done)
}

async fn fetch(which: &Which, context: &Context<'_>) -> Result<Value, Failure> {
    context.client.fetch(&path(&["certificates", &which.certificate])).await
}

async fn change(edit: &Edit, context: &mut Context<'_>) -> Result<Verdict, Failure> {
    let mut body = Map::new();
    insert_given(&mut body, "name", edit.changes.name.as_deref());
    insert_given(&mut body, "description", edit.changes.description.as_deref());
    let address = path(&["certificates", &edit.which.certificate]);
    let changed = context.client.patch(&address, Value::Object(body)).await?;
    let name = text(&changed, "name").unwrap_or_default();
    context.tell_done(&changed, &format!("Certificate \"{name}\" is changed."));
    Ok(Verdict::Done)
}

async fn replace_file(replace: &Replace, context: &mut Context<'_>) -> Result<Verdict, Failure> {
    let mut body = read_key_file(&replace.file, &replace.password, context)?;
    insert_given(&mut body, "thumbprint", replace.thumbprint.as_deref());
    if replace.exportable {
        body.insert("exportable".into(), json!(true));
    }
    let address = path(&["certificates", &replace.which.certificate, "replace"]);
    let stored = context.client.post(&address, Value::Object(body)).await?;
    context.show(&stored, |context| render::stored(&stored, "replaced", context));
    Ok(Verdict::Done)
}

/// Tells what stands against it before it asks; without a terminal only `--yes` deletes.
async fn delete_one(delete: &Delete, context: &mut Context<'_>) -> Result<Verdict, Failure> {
    let found = fetch(&delete.which, context).await?;
    let name = text(&found, "name").unwrap_or_default();
    let id = text(&found, "id").unwrap_or_default();
    let unused = texts(&found, "used_by").is_empty();
    if !delete.yes && unused {
        if !context.keyboard.is_terminal() {
            return Err(Failure::new(
                "confirmation_needed",
                format!("certificate \"{name}\" is not deleted: nobody confirmed it"),
            )
            .hint("add --yes"));
        }
        let question = format!("Delete certificate \"{name}\" with its private key?");
        if !context.confirm(&question).await {
            return Err(Failure::new("cancelled", "nothing is deleted"));
        }
    }
    if !unused && !delete.yes {
        return Err(in_use(&name, &found));
    }
    context.client.delete(&path(&["certificates", &id])).await?;
    context.tell_done(&found, &format!("Certificate \"{name}\" is deleted."));
    Ok(Verdict::Done)
}

/// What the server would answer; said here, because it must not be asked without a confirmation.
fn in_use(name: &str, found: &Value) -> Failure {
    let accounts = texts(found, "used_by");
    let message = format!("certificate \"{name}\" is used by {}", accounts.join(", "));
    Failure::new("in_use", message)
        .hint(
            "give these accounts another certificate first: `postern account edit NAME --certificate OTHER`",
        )
        .with("accounts", json!(accounts))
}

async fn export_one(export: &Export, context: &mut Context<'_>) -> Result<Verdict, Failure> {
    let output = Output::check(&export.output)?;
    refuse_mixture(Some(&output), context.json)?;
    if output.is_stdout() && export.format != Format::Pem && std::io::stdout().is_terminal() {
        return Err(
            Failure::usage("a terminal can't show this format").hint("name a file, or choose --format pem")
        );
    }
    let found = fetch(&export.which, context).await?;
    let id = text(&found, "id").unwrap_or_default();
    let (bytes, readers) = match export.format {
        Format::Cer => (download(&id, "cer", context).await?, Readers::AsUsual),
        Format::Pem => (download(&id, "pem", context).await?, Readers::AsUsual),
        Format::Pfx => (fetch_pfx(export, &found, context).await?, Readers::OwnerOnly),
    };
    output.write(&bytes, readers, context.screen)?;
    if !output.is_stdout() {
        let text = format!("Wrote {}.", clean(&output.describe()));
        context.tell_done(&found, &text);
    }
    Ok(Verdict::Done)
}

async fn download(id: &str, format: &str, context: &Context<'_>) -> Result<bytes::Bytes, Failure> {
    let address = path(&["certificates", id, "download"]);
    context.client.fetch_bytes(&format!("{address}?format={format}")).await
}

async fn fetch_pfx(
    export: &Export,
    found: &Value,
    context: &mut Context<'_>,
) -> Result<bytes::Bytes, Failure> {
    // Nobody is asked for a password that the server would refuse to use.
    let exportable = found.get("exportable") == Some(&Value::Bool(true));
    let prompt = if exportable { context.prompt() } else { None };
    let password = export.password.read(Typing::Twice, prompt)?;
    let Some(password) = password else {
        return Err(if exportable { no_password() } else { not_exportable(found) });
    };
    let profile = match export.profile {
        Profile::Aes256 => "aes256",
        Profile::TripleDes => "3des",
    };
    let id = text(found, "id").unwrap_or_default();
    let body = json!({ "password": password.expose(), "profile": profile });
    context.client.post_for_bytes(&path(&["certificates", &id, "export"]), body).await
}

fn no_password() -> Failure {
    Failure::new("password_missing", "a private key leaves only under a password, and none was given")
        .hint("add --password-file FILE or --password-stdin")
}

fn not_exportable(found: &Value) -> Failure {
    let name = text(found, "name").unwrap_or_default();
    Failure::new("not_exportable", format!("the private key of certificate \"{name}\" may not leave"))
        .hint("only a certificate that was generated or imported with --exportable can be exported as .pfx")
}

/// `file` in base64 and `password`, as import and replace send them.
fn read_key_file(
    file: &Path,
    source: &PasswordSource,
    context: &mut Context<'_>,
) -> Result<Map<String, Value>, Failure> {
    let bytes = files::read(file, FILE_LIMIT_BYTES)?;
    let password = source.read(Typing::Once, context.prompt())?;
    let mut body = Map::new();
    body.insert("file".into(), json!(STANDARD.encode(bytes)));
    insert_given(&mut body, "password", password.as_ref().map(Secret::expose));
    Ok(body)
}

fn refuse_mixture(output: Option<&Output>, json: bool) -> Result<(), Failure> {
    if json && output.is_some_and(Output::is_stdout) {
        return Err(Failure::usage("standard output can't take the certificate and JSON")
            .hint("name a file with --output"));
    }
    Ok(())
}

fn insert_given(body: &mut Map<String, Value>, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        body.insert(name.to_owned(), json!(value));
    }
}

/// A name as it is typed in a shell.
pub(crate) fn quoted(name: &str) -> String {
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte);
    if !name.is_empty() && name.bytes().all(harmless) {
        return name.to_owned();
    }
    format!("'{}'", name.replace('\'', r"'\''"))
}
