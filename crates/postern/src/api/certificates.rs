//! The routes of `/certificates`.

use std::str::FromStr;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use certs::{GenerateOptions, KeyBits, Password, Subject, ValidityDays};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use store::Paged;
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

use super::access::{Administrator, Viewer};
use super::input::{Description, IdOrName, Json, Name, Query, SecretText};
use super::list::{self, ListQuery};
use super::moment;
use crate::app::App;
use crate::certificates::{self, Certificate, Exportable, PfxProfile, Upload};
use crate::problem::Problem;

/// A certificate as everybody may see it: never its key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Certificate)]
pub struct CertificateView {
    id: String,
    name: String,
    description: String,
    /// `imported` or `generated`.
    origin: &'static str,
    /// Whether the private key may leave as a PKCS#12 file.
    exportable: bool,
    /// `valid`, `expiring` (less than 30 days left), `expired` or `not_yet_valid`.
    status: &'static str,
    /// Whole days until it expires; negative afterwards.
    days_left: i64,
    subject: String,
    issuer: String,
    /// Upper-case hex.
    serial: String,
    /// RFC 3339, UTC.
    not_before: String,
    /// RFC 3339, UTC.
    not_after: String,
    key: KeyView,
    signature_algorithm: String,
    /// Upper-case hex, as the Azure portal shows it.
    thumbprint_sha1: String,
    /// Lower-case hex.
    thumbprint_sha256: String,
    warnings: Vec<WarningView>,
    /// Names of the accounts that use it.
    used_by: Vec<String>,
    /// How many certificates above it are kept.
    chain_length: usize,
    created: String,
    updated: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CertificateKey)]
struct KeyView {
    /// `RSA`.
    r#type: String,
    bits: usize,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CertificateWarning)]
struct WarningView {
    code: &'static str,
    text: String,
}

/// A page of certificates.
#[derive(Debug, Serialize, ToSchema)]
pub struct CertificateList {
    items: Vec<CertificateView>,
    /// Where the next page starts; null on the last.
    next: Option<String>,
    /// Rows that could not be read, if any; they hide nothing else.
    damaged: Vec<String>,
}

/// A file to import.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportRequest {
    #[schema(value_type = String, min_length = 1, max_length = 100)]
    name: Name,
    #[serde(default)]
    #[schema(value_type = String, max_length = 1000)]
    description: Description,
    /// The file (PKCS#12 or PEM), base64; 1 MiB at most.
    #[schema(value_type = String)]
    file: FileContent,
    /// Leave it out when the file has none.
    #[schema(value_type = Option<String>)]
    password: Option<SecretText>,
    /// When given, it must be the same as `password`.
    #[schema(value_type = Option<String>)]
    repeat_password: Option<SecretText>,
    /// Whether the private key may be exported later.
    #[serde(default)]
    exportable: bool,
    /// SHA-1 or SHA-256 of the certificate that is meant, where the file holds several keys.
    thumbprint: Option<String>,
}

// The fields stand here again: serde can't refuse unknown members of a struct that is flattened into another.
/// A file to put under an existing name.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplaceRequest {
    /// The file (PKCS#12 or PEM), base64; 1 MiB at most.
    #[schema(value_type = String)]
    file: FileContent,
    /// Leave it out when the file has none.
    #[schema(value_type = Option<String>)]
    password: Option<SecretText>,
    /// When given, it must be the same as `password`.
    #[schema(value_type = Option<String>)]
    repeat_password: Option<SecretText>,
    /// Whether the private key may be exported later.
    #[serde(default)]
    exportable: bool,
    /// SHA-1 or SHA-256 of the certificate that is meant, where the file holds several keys.
    thumbprint: Option<String>,
}

/// What to generate.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GenerateRequest {
    #[schema(value_type = String, min_length = 1, max_length = 100)]
    name: Name,
    #[serde(default)]
    #[schema(value_type = String, max_length = 1000)]
    description: Description,
    /// 2048 (default), 3072 or 4096.
    #[schema(value_type = Option<u16>)]
    key_bits: Option<u16>,
    /// 1 to 730; 365 is the default.
    days: Option<u16>,
    /// Such as `CN=mail gate, O=Contoso`; the name is the default.
    subject: Option<String>,
    #[serde(default)]
    exportable: bool,
}

/// What to change.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EditRequest {
    #[schema(value_type = Option<String>)]
    name: Option<Name>,
    #[schema(value_type = Option<String>)]
    description: Option<Description>,
}

/// How to export.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportRequest {
    /// Protects the file; whoever imports it needs it.
    #[schema(value_type = String)]
    password: SecretText,
    #[schema(value_type = Option<String>)]
    repeat_password: Option<SecretText>,
    /// `aes256` (default) or `3des`, for Windows Server 2016 and older.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    profile: ProfileName,
}

#[derive(Debug, Default, Deserialize, Clone, Copy)]
enum ProfileName {
    #[default]
    #[serde(rename = "aes256")]
    Aes256,
    #[serde(rename = "3des")]
    TripleDes,
}

/// Which form of the public part.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct DownloadQuery {
    /// `cer` (DER, default) or `pem`.
    #[param(value_type = Option<String>)]
    #[serde(default)]
    format: PublicFormat,
}

#[derive(Debug, Default, Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum PublicFormat {
    #[default]
    Cer,
    Pem,
}

/// Lists the certificates in the order of their names.
#[utoipa::path(get, path = "/certificates", tag = "certificates", params(ListQuery),
    responses((status = 200, body = CertificateList)))]
pub async fn list(
    State(app): State<Arc<App>>,
    _viewer: Viewer,
    Query(query): Query<ListQuery>,
) -> Result<Response, Problem> {
    let Paged { rows, corrupt, next } = app.store.certificates().list(&query.page()?, query.filter()).await?;
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let mut users = app.store.certificates().used_by_each(&ids).await?;
    let mut damaged: Vec<String> = corrupt.iter().map(ToString::to_string).collect();
    let (mut items, now) = (Vec::with_capacity(rows.len()), app.now());
    for row in rows {
        match certificates::read(&row) {
            Ok(stored) => {
                let used_by = users.remove(&row.id).unwrap_or_default();
                items.push(CertificateView::new(&Certificate { row, stored, used_by }, now));
            }
            Err(problem) => damaged.push(format!("certificate {}: {}", row.id, problem.message())),
        }
    }
    Ok(list::answer(CertificateList { items, next: list::cursor(next), damaged }))
}

/// Imports a PKCS#12 or PEM file.
#[utoipa::path(post, path = "/certificates/import", tag = "certificates", request_body = ImportRequest,
    responses((status = 201, body = CertificateView)))]
pub async fn import(
    State(app): State<Arc<App>>,
    Administrator(actor): Administrator,
    Json(request): Json<ImportRequest>,
) -> Result<Response, Problem> {
    let ImportRequest { name, description, file, password, repeat_password, exportable, thumbprint } =
        request;
    let password = match typed_password(password.as_ref(), repeat_password.as_ref()) {
        Ok(password) => password,
        Err(problem) => return Err(app.refuse(&actor, "certificate.import", name.as_str(), problem).await),
    };
    let upload = Upload { file: &file.0, password, thumbprint: thumbprint.as_deref(), exportable };
    let certificate = certificates::import(&app, &actor, &name, &description, upload).await?;
    Ok((StatusCode::CREATED, axum::Json(CertificateView::new(&certificate, app.now()))).into_response())
}

/// Makes a self-signed certificate.
#[utoipa::path(post, path = "/certificates/generate", tag = "certificates", request_body = GenerateRequest,
    responses((status = 201, body = CertificateView)))]
pub async fn generate(
    State(app): State<Arc<App>>,
    Administrator(actor): Administrator,
    Json(request): Json<GenerateRequest>,
) -> Result<Response, Problem> {
    let name = &request.name;
    let subject = match &request.subject {
        Some(text) => Subject::from_str(text).map_err(|error| Problem::invalid("subject", error))?,
        // X.520 allows a common name 64 characters; a name here may be longer.
        None => {
            let common_name: String = name.as_str().chars().take(64).collect();
            Subject::common_name(common_name.trim_end()).map_err(|error| Problem::invalid("name", error))?
        }
    };
    let options = GenerateOptions {
        subject,
        key_bits: KeyBits::try_from(request.key_bits.unwrap_or(2048))
            .map_err(|error| Problem::invalid("key_bits", error))?,
        days: ValidityDays::try_from(request.days.unwrap_or(365))
            .map_err(|error| Problem::invalid("days", error))?,
    };
    let exportable = Exportable(request.exportable);
    let certificate =
        certificates::generate(&app, &actor, name, &request.description, exportable, options).await?;
    Ok((StatusCode::CREATED, axum::Json(CertificateView::new(&certificate, app.now()))).into_response())
}

/// Shows one certificate.
#[utoipa::path(get, path = "/certificates/{certificate}", tag = "certificates",
    params(("certificate" = String, Path, description = "id or name")), responses((status = 200, body = CertificateView)))]
pub async fn show(
    State(app): State<Arc<App>>,
    _viewer: Viewer,
    IdOrName(certificate): IdOrName,
) -> Result<Response, Problem> {
    let certificate = certificates::find(&app, &certificate).await?;
    Ok(axum::Json(CertificateView::new(&certificate, app.now())).into_response())
}

/// Changes name and description.
#[utoipa::path(patch, path = "/certificates/{certificate}", tag = "certificates", request_body = EditRequest,
    params(("certificate" = String, Path, description = "id or name")), responses((status = 200, body = CertificateView)))]
pub async fn edit(
    State(app): State<Arc<App>>,
    Administrator(actor): Administrator,
    IdOrName(certificate): IdOrName,
    Json(request): Json<EditRequest>,
) -> Result<Response, Problem> {
    let (name, description) = (request.name.as_ref(), request.description.as_ref());
    let certificate = certificates::edit(&app, &actor, &certificate, name, description).await?;
    Ok(axum::Json(CertificateView::new(&certificate, app.now())).into_response())
}

/// Puts a new file under the same name.
#[utoipa::path(post, path = "/certificates/{certificate}/replace", tag = "certificates", request_body = ReplaceRequest,
    params(("certificate" = String, Path, description = "id or name")), responses((status = 200, body = CertificateView)))]
pub async fn replace(
    State(app): State<Arc<App>>,
    Administrator(actor): Administrator,
    IdOrName(certificate): IdOrName,
    Json(request): Json<ReplaceRequest>,
) -> Result<Response, Problem> {
    let ReplaceRequest { file, password, repeat_password, exportable, thumbprint } = request;
    let password = match typed_password(password.as_ref(), repeat_password.as_ref()) {
        Ok(password) => password,
        Err(problem) => return Err(app.refuse(&actor, "certificate.replace", &certificate, problem).await),
    };
    let upload = Upload { file: &file.0, password, thumbprint: thumbprint.as_deref(), exportable };
    let certificate = certificates::replace(&app, &actor, &certificate, upload).await?;
    Ok(axum::Json(CertificateView::new(&certificate, app.now())).into_response())
}

/// Deletes a certificate that no account uses.
#[utoipa::path(delete, path = "/certificates/{certificate}", tag = "certificates",
    params(("certificate" = String, Path, description = "id or name")), responses((status = 204)))]
pub async fn delete(
    State(app): State<Arc<App>>,
    Administrator(actor): Administrator,
    IdOrName(certificate): IdOrName,
) -> Result<StatusCode, Problem> {
    certificates::delete(&app, &actor, &certificate).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Downloads the public part, as it is uploaded to the app registration.
#[utoipa::path(get, path = "/certificates/{certificate}/download", tag = "certificates",
    params(("certificate" = String, Path, description = "id or name"), DownloadQuery),
    responses((status = 200, description = "the file", content_type = "application/pkix-cert")))]
pub async fn download(
    State(app): State<Arc<App>>,
    _viewer: Viewer,
    IdOrName(certificate): IdOrName,
    Query(query): Query<DownloadQuery>,
) -> Result<Response, Problem> {
    let row = certificates::find_row(&app, &certificate).await?;
    let material = row.material;
    Ok(match query.format {
        PublicFormat::Cer => attachment(&row.name, "cer", "application/pkix-cert", material.leaf_der),
        PublicFormat::Pem => {
            let pem = certs::export::pem(&material.leaf_der, &material.chain_der);
            attachment(&row.name, "pem", "application/x-pem-file", pem.into_bytes())
        }
    })
}

/// Exports certificate and private key as PKCS#12, where that was allowed when it was made.
#[utoipa::path(post, path = "/certificates/{certificate}/export", tag = "certificates", request_body = ExportRequest,
    params(("certificate" = String, Path, description = "id or name")),
    responses((status = 200, description = "the file", content_type = "application/x-pkcs12")))]
pub async fn export(
    State(app): State<Arc<App>>,
    Administrator(actor): Administrator,
    IdOrName(certificate): IdOrName,
    Json(request): Json<ExportRequest>,
) -> Result<Response, Problem> {
    // Said first: a key that may not leave needs no password.
    let row = certificates::find_exportable(&app, &actor, &certificate).await?;
    let password = typed_password(Some(&request.password), request.repeat_password.as_ref())?;
    let none =
        || Problem::invalid("password", "a private key leaves only under a password, and none was given");
    let password = password.ok_or_else(none)?;
    let profile = match request.profile {
        ProfileName::Aes256 => PfxProfile::Aes256,
        ProfileName::TripleDes => PfxProfile::TripleDes,
    };
    let pfx = certificates::export_pfx(&app, &actor, &row, password, profile).await?;
    Ok(attachment(&row.name, "pfx", "application/x-pkcs12", pfx))
}

impl CertificateView {
    fn new(certificate: &Certificate, now: OffsetDateTime) -> Self {
        let Certificate { row, stored, used_by } = certificate;
        let details = stored.details();
        Self {
            id: row.id.to_string(),
            name: row.name.clone(),
            description: row.description.clone(),
            origin: row.origin.as_str(),
            exportable: row.material.exportable,
            status: status_word(details.status(now)),
            days_left: details.days_left(now),
            subject: details.subject.clone(),
            issuer: details.issuer.clone(),
            serial: details.serial.clone(),
            not_before: moment::text(details.not_before),
            not_after: moment::text(details.not_after),
            key: KeyView { r#type: details.key.kind.to_string(), bits: details.key.bits },
            signature_algorithm: details.signature_algorithm.clone(),
            thumbprint_sha1: details.thumbprint_sha1.clone(),
            thumbprint_sha256: details.thumbprint_sha256.clone(),
            warnings: stored
                .warnings(now)
                .into_iter()
                .map(|w| WarningView { code: w.code, text: w.text })
                .collect(),
            used_by: used_by.clone(),
            chain_length: row.material.chain_der.len(),
            created: moment::text(row.created_at),
            updated: moment::text(row.updated_at),
        }
    }
}

fn status_word(status: certs::Status) -> &'static str {
    match status {
        certs::Status::Valid => "valid",
        certs::Status::Expiring => "expiring",
        certs::Status::Expired => "expired",
        certs::Status::NotYetValid => "not_yet_valid",
    }
}

/// The bytes of an uploaded file; its base64 was right.
struct FileContent(zeroize::Zeroizing<Vec<u8>>);

impl std::fmt::Debug for FileContent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl<'de> Deserialize<'de> for FileContent {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = base64::engine::general_purpose::STANDARD.decode(text.trim());
        let bytes =
            bytes.map_err(|_| serde::de::Error::custom("it is not base64 (standard alphabet, padded)"))?;
        Ok(Self(bytes.into()))
    }
}

/// The password as it counts: an empty one is none.
fn typed_password(
    password: Option<&SecretText>,
    repeated: Option<&SecretText>,
) -> Result<Option<Password>, Problem> {
    let typed = password.map_or("", SecretText::expose);
    match repeated {
        Some(repeated) if repeated.expose() != typed => Err(Problem::new(
            "passwords_differ",
            "The two passwords differ.",
            "Type the same password twice.",
        )),
        _ if typed.is_empty() => Ok(None),
        _ => Ok(Some(Password::new(typed))),
    }
}

fn attachment(name: &str, extension: &str, content_type: &'static str, bytes: Vec<u8>) -> Response {
    // The plain form for old clients, the encoded one for everybody else (RFC 6266, section 5).
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect();
    let encoded =
        url::form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>().replace('+', "%20");
    let disposition =
        format!("attachment; filename=\"{plain}.{extension}\"; filename*=UTF-8''{encoded}.{extension}");
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::CONTENT_DISPOSITION,
        disposition.parse().expect("only ASCII without control characters"),
    );
    response
}
