//! Certificates from file or generator to the store, and out again as far as they may go. The reading and checking is
//! `certs`', the sealing the vault's, the keeping the store's; this module is the corridor between them.

use certs::{CheckedCertificate, GenerateOptions, ImportOptions, Password, StoredCertificate};
use serde_json::json;
use store::{
    CertificateRow, DeleteCertificateError, EditCertificateError, InsertCertificateError, Material, Origin,
    ReplaceCertificateError,
};
use uuid::Uuid;

use crate::api::access::Actor;
use crate::api::input::{Description, Name};
use crate::app::App;
use crate::audit;
use crate::problem::{Problem, sentence, shown};
use crate::vault::Record;

/// What an import brings besides its name.
#[derive(Debug)]
pub struct Upload<'a> {
    /// The file as it is.
    pub file: &'a [u8],
    /// The password that was typed, if any.
    pub password: Option<Password>,
    /// Which of several keys is meant.
    pub thumbprint: Option<&'a str>,
    /// Whether the key may be exported later.
    pub exportable: bool,
}

/// A stored certificate with what is read from it and who uses it.
#[derive(Debug)]
pub struct Certificate {
    /// The row.
    pub row: CertificateRow,
    /// What the certificate says.
    pub stored: StoredCertificate,
    /// Names of the accounts that use it.
    pub used_by: Vec<String>,
}

/// How the private key leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PfxProfile {
    /// AES-256 and SHA-256.
    Aes256,
    /// 3DES and SHA-1, for Windows Server 2016 and older.
    TripleDes,
}

/// Reads, checks, seals and stores a file. A refused one stores nothing.
pub async fn import(
    app: &App,
    actor: &Actor,
    name: &Name,
    description: &Description,
    upload: Upload<'_>,
) -> Result<Certificate, Problem> {
    let read = match check_name(name) {
        Ok(()) => check(app, &upload).await,
        Err(problem) => Err(problem),
    };
    let imported = match read {
        Ok(checked) => {
            insert(app, actor, name, description, Origin::Imported, upload.exportable, checked).await
        }
        Err(problem) => Err(problem),
    };
    app.audit_refusal(actor, "certificate.import", name.as_str(), imported).await
}

/// Makes a self-signed certificate.
pub async fn generate(
    app: &App,
    actor: &Actor,
    name: &Name,
    description: &Description,
    exportable: Exportable,
    options: GenerateOptions,
) -> Result<Certificate, Problem> {
    let made = make(app, actor, name, description, exportable, options).await;
    app.audit_refusal(actor, "certificate.generate", name.as_str(), made).await
}

async fn make(
    app: &App,
    actor: &Actor,
    name: &Name,
    description: &Description,
    exportable: Exportable,
    options: GenerateOptions,
) -> Result<Certificate, Problem> {
    check_name(name)?;
    // Said before the key is made: a 4096-bit key takes a second, and its name would be known to be taken all along.
    if app.store.certificates().find(name.as_str()).await?.is_some() {
        return Err(name_taken(name));
    }
    let now = app.now();
    let checked =
        off_the_async_threads(move || certs::generate(&options, now)).await?.map_err(Problem::internal)?;
    insert(app, actor, name, description, Origin::Generated, exportable.0, checked).await
}

/// Whether the key of a generated certificate may be exported.
#[derive(Debug, Clone, Copy)]
pub struct Exportable(pub bool);

/// Puts a new file under an existing name; the accounts that use it follow.
pub async fn replace(
    app: &App,
    actor: &Actor,
    id_or_name: &str,
    upload: Upload<'_>,
) -> Result<Certificate, Problem> {
    let row = find_row(app, id_or_name).await?;
    let checked = match check(app, &upload).await {
        Ok(checked) => checked,
        Err(problem) => return Err(app.refuse(actor, "certificate.replace", &row.name, problem).await),
    };
    let now = app.now();
    let entry = audit::done(actor, now, "certificate.replace", &row.name);
    let entry = audit::with(entry, json!({ "thumbprint_sha1": checked.details().thumbprint_sha1 }));
    let material = seal(app, row.id, upload.exportable, &checked);
    let replaced =
        app.store.certificates().replace(row.id, material, now, &entry).await.map_err(|error| match error {
            ReplaceCertificateError::NotFound => Problem::not_found("certificate", id_or_name),
            ReplaceCertificateError::Duplicate { name } => duplicate(&name),
            ReplaceCertificateError::Store(error) => error.into(),
        });
    let row = app.audit_refusal(actor, "certificate.replace", &row.name, replaced).await?;
    app.events.tell("certificates", &row.id.to_string(), "changed");
    let certificate = describe(app, row).await?;
    // The next token is proved by the new certificate: if it was not uploaded yet, that shows now and not in an hour.
    for account in &certificate.used_by {
        if let Some(account) = app.store.accounts().find(account).await? {
            app.tokens.forget(&account.id.to_string());
        }
    }
    app.queue.probe_paused(app).await;
    Ok(certificate)
}

/// Changes name and description, each if given.
pub async fn edit(
    app: &App,
    actor: &Actor,
    id_or_name: &str,
    name: Option<&Name>,
    description: Option<&Description>,
) -> Result<Certificate, Problem> {
    let row = find_row(app, id_or_name).await?;
    if let Some(name) = name {
        check_name(name)?;
    }
    let now = app.now();
    let entry = audit::done(actor, now, "certificate.edit", &row.name);
    let entry =
        audit::with(entry, json!({ "name": name.map(Name::as_str), "description": description.is_some() }));
    let edited = app
        .store
        .certificates()
        .edit(row.id, name.map(Name::as_str), description.map(Description::as_str), now, &entry)
        .await;
    let edited = edited.map_err(|error| match error {
        EditCertificateError::NotFound => Problem::not_found("certificate", id_or_name),
        EditCertificateError::NameTaken => {
            name.map_or_else(|| Problem::internal("a name was taken unasked"), name_taken)
        }
        EditCertificateError::Store(error) => error.into(),
    });
    let row = app.audit_refusal(actor, "certificate.edit", &row.name, edited).await?;
    app.events.tell("certificates", &row.id.to_string(), "changed");
    describe(app, row).await
}

/// Deletes a certificate that no account uses.
pub async fn delete(app: &App, actor: &Actor, id_or_name: &str) -> Result<(), Problem> {
    let row = find_row(app, id_or_name).await?;
    let entry = audit::done(actor, app.now(), "certificate.delete", &row.name);
    let problem = match app.store.certificates().delete(row.id, &entry).await {
        Ok(()) => {
            app.events.tell("certificates", &row.id.to_string(), "deleted");
            return Ok(());
        }
        Err(DeleteCertificateError::NotFound) => Problem::not_found("certificate", id_or_name),
        Err(DeleteCertificateError::InUse { accounts }) => in_use(&row.name, &accounts),
        Err(DeleteCertificateError::Store(error)) => error.into(),
    };
    Err(app.refuse(actor, "certificate.delete", &row.name, problem).await)
}

/// One certificate by id or name.
pub async fn find(app: &App, id_or_name: &str) -> Result<Certificate, Problem> {
    let row = find_row(app, id_or_name).await?;
    describe(app, row).await
}

/// The row by id or name.
pub async fn find_row(app: &App, id_or_name: &str) -> Result<CertificateRow, Problem> {
    let row = app.store.certificates().find(id_or_name).await?;
    row.ok_or_else(|| Problem::not_found("certificate", id_or_name))
}

/// Adds to a row what is read from it and who uses it.
pub async fn describe(app: &App, row: CertificateRow) -> Result<Certificate, Problem> {
    let used_by = app.store.certificates().used_by(row.id).await?;
    let stored = read(&row)?;
    Ok(Certificate { row, stored, used_by })
}

/// What a stored certificate says.
pub fn read(row: &CertificateRow) -> Result<StoredCertificate, Problem> {
    StoredCertificate::read(&row.material.leaf_der, &row.material.chain_der)
        .map_err(|error| Problem::internal(format_args!("certificate {} in the store: {error}", row.id)))
}

/// The certificate, if its private key may leave. Audited when it may not.
pub async fn find_exportable(app: &App, actor: &Actor, id_or_name: &str) -> Result<CertificateRow, Problem> {
    let row = find_row(app, id_or_name).await?;
    if row.material.exportable {
        return Ok(row);
    }
    let problem = Problem::new(
        "not_exportable",
        format!(
            "The private key of {} was not marked exportable and does not leave Postern.",
            shown(&row.name)
        ),
        "Download the public part (.cer or .pem), or generate or import a certificate with exportable set.",
    );
    Err(app.refuse(actor, "certificate.export", &row.name, problem).await)
}

/// Certificate, chain and private key as PKCS#12. Audited before it leaves.
pub async fn export_pfx(
    app: &App,
    actor: &Actor,
    row: &CertificateRow,
    password: Password,
    profile: PfxProfile,
) -> Result<Vec<u8>, Problem> {
    let key = app.vault.open_key(&row.id.to_string(), &row.material.sealed_key)?;
    let profile = match profile {
        PfxProfile::Aes256 => certs::export::Profile::Aes256,
        PfxProfile::TripleDes => certs::export::Profile::TripleDes,
    };
    let (leaf, chain) = (row.material.leaf_der.clone(), row.material.chain_der.clone());
    let name = row.name.clone();
    let exported =
        off_the_async_threads(move || certs::export::pfx(&key, &leaf, &chain, &password, &name, profile));
    let pfx = exported.await?.map_err(|error| Problem::invalid("password", error))?;
    app.store.audit().append(&audit::done(actor, app.now(), "certificate.export", &row.name)).await?;
    Ok(pfx)
}

async fn check(app: &App, upload: &Upload<'_>) -> Result<CheckedCertificate, Problem> {
    let now = app.now();
    let (file, thumbprint) = (upload.file.to_vec(), upload.thumbprint.map(str::to_owned));
    let password = upload.password.clone();
    let imported = off_the_async_threads(move || {
        let options = ImportOptions { password: password.as_ref(), thumbprint: thumbprint.as_deref(), now };
        certs::import(&file, &options)
    });
    imported.await?.map_err(|refusal| {
        let problem = Problem::new(refusal.code(), sentence(&refusal), refusal.hint());
        match &refusal {
            certs::Refusal::SeveralKeys { choices, .. } => {
                let thumbprints: Vec<&str> =
                    choices.iter().map(|choice| choice.thumbprint_sha1.as_str()).collect();
                problem.with("choices", thumbprints)
            }
            _ => problem,
        }
    })
}

async fn insert(
    app: &App,
    actor: &Actor,
    name: &Name,
    description: &Description,
    origin: Origin,
    exportable: bool,
    checked: CheckedCertificate,
) -> Result<Certificate, Problem> {
    let (id, now) = (Uuid::now_v7(), app.now());
    let row = CertificateRow {
        id,
        name: name.as_str().to_owned(),
        description: description.as_str().to_owned(),
        origin,
        material: seal(app, id, exportable, &checked),
        created_at: now,
        updated_at: now,
    };
    let action = match origin {
        Origin::Imported => "certificate.import",
        Origin::Generated => "certificate.generate",
    };
    let entry = audit::done(actor, now, action, name.as_str());
    let entry = audit::with(entry, json!({ "thumbprint_sha1": checked.details().thumbprint_sha1 }));
    app.store.certificates().insert(&row, &entry).await.map_err(|error| match error {
        InsertCertificateError::NameTaken => name_taken(name),
        InsertCertificateError::Duplicate { name } => duplicate(&name),
        InsertCertificateError::Store(error) => error.into(),
    })?;
    app.events.tell("certificates", &id.to_string(), "created");
    describe(app, row).await
}

fn seal(app: &App, id: Uuid, exportable: bool, checked: &CheckedCertificate) -> Material {
    let details = checked.details();
    Material {
        exportable,
        leaf_der: checked.leaf_der().to_vec(),
        chain_der: checked.chain_der().to_vec(),
        sealed_key: app.vault.seal(Record::CertificateKey(&id.to_string()), &checked.key().pkcs8_der()),
        thumbprint_sha1: details.thumbprint_sha1.clone(),
        thumbprint_sha256: details.thumbprint_sha256.clone(),
        not_before: details.not_before,
        not_after: details.not_after,
    }
}

/// The words that stand beside the names in the API's paths: a certificate of that name could not be reached by it.
fn check_name(name: &Name) -> Result<(), Problem> {
    match ["import", "generate"].iter().any(|word| name.as_str().eq_ignore_ascii_case(word)) {
        true => Err(Problem::invalid("name", "this is a word of the API; choose another name")),
        false => Ok(()),
    }
}

fn name_taken(name: &Name) -> Problem {
    let name = shown(name.as_str());
    Problem::new(
        "name_taken",
        format!("There is already a certificate named {name}."),
        "Choose another name, or replace that certificate.",
    )
}

fn duplicate(name: &str) -> Problem {
    let quoted = shown(name);
    let message = format!("This certificate is already stored, as {quoted}.");
    Problem::new("duplicate", message, format!("Use {quoted}, or delete it first.")).with("name", name)
}

fn in_use(name: &str, accounts: &[String]) -> Problem {
    let list = accounts.iter().map(|account| shown(account)).collect::<Vec<_>>().join(", ");
    Problem::new(
        "in_use",
        format!("The certificate {} is used by {list} and was not deleted.", shown(name)),
        "Give those accounts another certificate first, or remove them.",
    )
    .with("accounts", accounts.to_vec())
}

/// Key derivation and key generation take their time; the threads that serve everyone else must not wait for them.
async fn off_the_async_threads<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(Problem::internal)
}
