//! The certificates with their sealed private keys. It must never hand out a row of another name than the one asked for,
//! nor delete what an account needs. Its neighbours are the certificates' API and `accounts`, which refers to them.

use std::collections::HashMap;

use time::OffsetDateTime;
use uuid::Uuid;

use crate::audit::AuditEntry;
use crate::database::{Change, Store};
use crate::engine::{Composed, Row, Statement, statement};
use crate::failure::{CorruptRow, StoreError};
use crate::page::{Cursor, Page, Paged};
use crate::record::{Record, millis_of};
use crate::word::words;

const TABLE: &str = "certificates";

words! {
    /// Where a certificate came from.
    pub enum Origin {
        /// From a file.
        Imported = "imported",
        /// Made here.
        Generated = "generated",
    }
}

/// A certificate as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateRow {
    /// Its id (UUIDv7).
    pub id: Uuid,
    /// Its name, unique whatever the case.
    pub name: String,
    /// What the user noted about it; may be empty.
    pub description: String,
    /// Where it came from.
    pub origin: Origin,
    /// The certificate, its chain and its sealed key.
    pub material: Material,
    /// When it was first stored.
    pub created_at: OffsetDateTime,
    /// When it was last edited or replaced.
    pub updated_at: OffsetDateTime,
}

/// What a replacement replaces: the certificate itself and all that is read from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Material {
    /// Whether the private key may be exported.
    pub exportable: bool,
    /// The certificate, DER.
    pub leaf_der: Vec<u8>,
    /// The certificates above it, DER, nearest first; may be empty.
    pub chain_der: Vec<Vec<u8>>,
    /// The private key, sealed.
    pub sealed_key: Vec<u8>,
    /// SHA-1 of `leaf_der`, upper-case hex: what the Azure portal shows, and so what people look for.
    pub thumbprint_sha1: String,
    /// SHA-256 of `leaf_der`, lower-case hex; unique.
    pub thumbprint_sha256: String,
    /// The certificate's notBefore.
    pub not_before: OffsetDateTime,
    /// The certificate's notAfter.
    pub not_after: OffsetDateTime,
}

/// A certificate was not stored.
#[derive(Debug, thiserror::Error)]
pub enum InsertCertificateError {
    /// Another has the name.
    #[error("there is already a certificate with this name")]
    NameTaken,
    /// It is already there.
    #[error("this certificate is already stored as “{name}”")]
    Duplicate {
        /// The name it has.
        name: String,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A certificate's name and description were not changed.
#[derive(Debug, thiserror::Error)]
pub enum EditCertificateError {
    /// There is none with this id.
    #[error("there is no such certificate")]
    NotFound,
    /// Another has the name.
    #[error("there is already a certificate with this name")]
    NameTaken,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A certificate was not replaced.
#[derive(Debug, thiserror::Error)]
pub enum ReplaceCertificateError {
    /// There is none with this id.
    #[error("there is no such certificate")]
    NotFound,
    /// What should replace it is already there under another name.
    #[error("this certificate is already stored as “{name}”")]
    Duplicate {
        /// The name it has.
        name: String,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A certificate was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteCertificateError {
    /// There is none with this id.
    #[error("there is no such certificate")]
    NotFound,
    /// Accounts prove themselves with it.
    #[error("this certificate is in use by: {}", .accounts.join(", "))]
    InUse {
        /// The accounts' names, in their order.
        accounts: Vec<String>,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The certificates of a [`Store`].
#[derive(Debug, Clone, Copy)]
pub struct Certificates<'s>(pub(crate) &'s Store);

impl Certificates<'_> {
    /// Stores a new certificate.
    pub async fn insert(
        &self,
        row: &CertificateRow,
        audit: &AuditEntry,
    ) -> Result<(), InsertCertificateError> {
        let mut change = self.0.begin().await?;
        if change.run(insert(row)).await? == 0 {
            return Err(match name_of_thumbprint(&mut change, &row.material.thumbprint_sha256).await? {
                Some((_, name)) => InsertCertificateError::Duplicate { name },
                None => InsertCertificateError::NameTaken,
            });
        }
        Ok(change.commit_with(audit).await?)
    }

    /// The certificate with this id, or else with this name.
    pub async fn find(&self, id_or_name: &str) -> Result<Option<CertificateRow>, StoreError> {
        if let Ok(id) = id_or_name.parse::<Uuid>() {
            let by_id = statement("SELECT * FROM certificates WHERE id = $1").bind(id.to_string());
            if let Some(row) = self.0.one(by_id).await? {
                return Ok(Some(read(&row)?));
            }
        }
        let by_name =
            statement("SELECT * FROM certificates WHERE name_key = $1").bind(id_or_name.to_lowercase());
        Ok(self.0.one(by_name).await?.as_ref().map(read).transpose()?)
    }

    /// The certificates in the order of their names; with a filter, those whose name, description or a thumbprint
    /// contains it, whatever the case.
    pub async fn list(&self, page: &Page, filter: Option<&str>) -> Result<Paged<CertificateRow>, StoreError> {
        let sql = "SELECT * FROM certificates WHERE name_key > $1 AND search_text LIKE $2 ESCAPE '\\'
                   ORDER BY name_key LIMIT $3";
        let query = statement(sql)
            .bind(Cursor::name(page)?)
            .bind(pattern_for(filter.unwrap_or_default()))
            .bind(page.fetch_limit());
        let name_cursor = |row: &Row| Record::new(TABLE, "id", row).get("name_key").map(Cursor::after_name);
        Ok(Paged::read(self.0.all(query).await?, page, read, name_cursor)?)
    }

    /// Changes name and description, each if given, at `now`.
    pub async fn edit(
        &self,
        id: Uuid,
        name: Option<&str>,
        description: Option<&str>,
        now: OffsetDateTime,
        audit: &AuditEntry,
    ) -> Result<CertificateRow, EditCertificateError> {
        let mut change = self.0.begin().await?;
        let mut row = find_in(&mut change, id).await?.ok_or(EditCertificateError::NotFound)?;
        row.name = name.map_or(row.name, str::to_owned);
        row.description = description.map_or(row.description, str::to_owned);
        row.updated_at = now;
        if name_is_taken(&mut change, &row).await? {
            return Err(EditCertificateError::NameTaken);
        }
        let sql = "UPDATE certificates SET name = $2, name_key = $3, description = $4, search_text = $5,
                   updated_at = $6 WHERE id = $1";
        let update = statement(sql)
            .bind(id.to_string())
            .bind(&row.name)
            .bind(row.name.to_lowercase())
            .bind(&row.description)
            .bind(search_text(&row))
            .bind(millis_of(now));
        change.run(update).await?;
        change.commit_with(audit).await?;
        Ok(row)
    }

    /// Puts another certificate under the same id and name, at `now`; the accounts that use it follow.
    pub async fn replace(
        &self,
        id: Uuid,
        material: Material,
        now: OffsetDateTime,
        audit: &AuditEntry,
    ) -> Result<CertificateRow, ReplaceCertificateError> {
        let mut change = self.0.begin().await?;
        let mut row = find_in(&mut change, id).await?.ok_or(ReplaceCertificateError::NotFound)?;
        match name_of_thumbprint(&mut change, &material.thumbprint_sha256).await? {
            Some((stored, name)) if stored != id.to_string() => {
                return Err(ReplaceCertificateError::Duplicate { name });
            }
            _ => {}
        }
        row.material = material;
        row.origin = Origin::Imported;
        row.updated_at = now;
        change.run(overwrite(&row)).await?;
        change.commit_with(audit).await?;
        Ok(row)
    }

    /// Deletes a certificate that no account uses.
    pub async fn delete(&self, id: Uuid, audit: &AuditEntry) -> Result<(), DeleteCertificateError> {
        let mut change = self.0.begin().await?;
        let users = change.all(users_of(&[id])).await?;
        if !users.is_empty() {
            let names: Result<Vec<String>, CorruptRow> = users.iter().map(user_name).collect();
            return Err(DeleteCertificateError::InUse { accounts: names.map_err(StoreError::from)? });
        }
        let delete = statement("DELETE FROM certificates WHERE id = $1").bind(id.to_string());
        if change.run(delete).await? == 0 {
            return Err(DeleteCertificateError::NotFound);
        }
        Ok(change.commit_with(audit).await?)
    }

    /// The names of the accounts that use a certificate, in their order.
    pub async fn used_by(&self, id: Uuid) -> Result<Vec<String>, StoreError> {
        Ok(self.used_by_each(&[id]).await?.remove(&id).unwrap_or_default())
    }

    /// The names of the accounts that use each of these certificates; those that none uses are left out.
    pub async fn used_by_each(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, Vec<String>>, StoreError> {
        let mut used: HashMap<Uuid, Vec<String>> = HashMap::new();
        // Far below the number of values that one statement may have (32,766 in SQLite, 65,535 in PostgreSQL).
        for ids in ids.chunks(1000) {
            for row in self.0.all(users_of(ids)).await? {
                let certificate = Record::new("accounts", "id", &row).id("certificate_id")?;
                used.entry(certificate).or_default().push(user_name(&row)?);
            }
        }
        Ok(used)
    }
}

fn users_of(ids: &[Uuid]) -> Statement {
    let mut users = Composed::new("SELECT id, certificate_id, name FROM accounts WHERE certificate_id IN (");
    users.push_list(ids.iter().map(Uuid::to_string)).push(") ORDER BY name_key");
    users.build()
}

fn user_name(row: &Row) -> Result<String, CorruptRow> {
    Record::new("accounts", "id", row).get("name")
}

fn insert(row: &CertificateRow) -> Statement {
    let sql = "INSERT INTO certificates (id, name, name_key, description, search_text, origin, exportable, leaf_der,
               chain_der, sealed_key, thumbprint_sha1, thumbprint_sha256, not_before, not_after, created_at, updated_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) ON CONFLICT DO NOTHING";
    statement(sql)
        .bind(row.id.to_string())
        .bind(&row.name)
        .bind(row.name.to_lowercase())
        .bind(&row.description)
        .bind(search_text(row))
        .bind(row.origin.as_str())
        .bind(row.material.exportable)
        .bind(&row.material.leaf_der)
        .bind(join_chain(&row.material.chain_der))
        .bind(&row.material.sealed_key)
        .bind(&row.material.thumbprint_sha1)
        .bind(&row.material.thumbprint_sha256)
        .bind(millis_of(row.material.not_before))
        .bind(millis_of(row.material.not_after))
        .bind(millis_of(row.created_at))
        .bind(millis_of(row.updated_at))
}

fn overwrite(row: &CertificateRow) -> Statement {
    let sql = "UPDATE certificates SET search_text = $2, origin = $3, exportable = $4, leaf_der = $5, chain_der = $6,
               sealed_key = $7, thumbprint_sha1 = $8, thumbprint_sha256 = $9, not_before = $10, not_after = $11, updated_at = $12
               WHERE id = $1";
    statement(sql)
        .bind(row.id.to_string())
        .bind(search_text(row))
        .bind(row.origin.as_str())
        .bind(row.material.exportable)
        .bind(&row.material.leaf_der)
        .bind(join_chain(&row.material.chain_der))
        .bind(&row.material.sealed_key)
        .bind(&row.material.thumbprint_sha1)
        .bind(&row.material.thumbprint_sha256)
        .bind(millis_of(row.material.not_before))
        .bind(millis_of(row.material.not_after))
        .bind(millis_of(row.updated_at))
}

async fn find_in(change: &mut Change, id: Uuid) -> Result<Option<CertificateRow>, StoreError> {
    let query = statement("SELECT * FROM certificates WHERE id = $1").bind(id.to_string());
    Ok(change.one(query).await?.as_ref().map(read).transpose()?)
}

async fn name_is_taken(change: &mut Change, row: &CertificateRow) -> Result<bool, StoreError> {
    let query = statement("SELECT 1 FROM certificates WHERE name_key = $1 AND id <> $2")
        .bind(row.name.to_lowercase())
        .bind(row.id.to_string());
    Ok(change.one(query).await?.is_some())
}

/// Id and name of the certificate with this thumbprint.
async fn name_of_thumbprint(
    change: &mut Change,
    thumbprint: &str,
) -> Result<Option<(String, String)>, StoreError> {
    let query = statement("SELECT id, name FROM certificates WHERE thumbprint_sha256 = $1").bind(thumbprint);
    let Some(row) = change.one(query).await? else {
        return Ok(None);
    };
    let record = Record::new(TABLE, "id", &row);
    Ok(Some((record.get("id")?, record.get("name")?)))
}

fn read(row: &Row) -> Result<CertificateRow, CorruptRow> {
    let record = Record::new(TABLE, "id", row);
    let material = Material {
        exportable: record.get("exportable")?,
        leaf_der: record.get("leaf_der")?,
        chain_der: split_chain(record.get("chain_der")?)
            .ok_or_else(|| record.corrupt("chain_der", "a length doesn't fit what follows it"))?,
        sealed_key: record.get("sealed_key")?,
        thumbprint_sha1: record.get("thumbprint_sha1")?,
        thumbprint_sha256: record.get("thumbprint_sha256")?,
        not_before: record.time("not_before")?,
        not_after: record.time("not_after")?,
    };
    Ok(CertificateRow {
        id: record.id("id")?,
        name: record.get("name")?,
        description: record.get("description")?,
        origin: record.parse("origin")?,
        material,
        created_at: record.time("created_at")?,
        updated_at: record.time("updated_at")?,
    })
}

/// Each certificate after its length, 32 bits, big endian.
fn join_chain(chain: &[Vec<u8>]) -> Vec<u8> {
    let mut joined = Vec::new();
    for der in chain {
        let length = u32::try_from(der.len()).expect("a file that is read at all is far below 4 GiB");
        joined.extend_from_slice(&length.to_be_bytes());
        joined.extend_from_slice(der);
    }
    joined
}

fn split_chain(mut joined: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut chain = Vec::new();
    while !joined.is_empty() {
        let (length, rest) = joined.split_first_chunk::<4>()?;
        let (der, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        chain.push(der.to_vec());
        joined = rest;
    }
    Some(chain)
}

fn search_text(row: &CertificateRow) -> String {
    let Material { thumbprint_sha1, thumbprint_sha256, .. } = &row.material;
    format!("{}\n{}\n{thumbprint_sha1}\n{thumbprint_sha256}", row.name, row.description).to_lowercase()
}

/// The LIKE pattern for "contains this text", in which the text's own `%` and `_` stand for themselves.
pub(crate) fn pattern_for(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.to_lowercase().chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_comes_back_as_it_was() {
        for chain in [vec![], vec![vec![1, 2, 3]], vec![vec![], vec![9; 300]]] {
            assert_eq!(split_chain(&join_chain(&chain)), Some(chain));
        }
    }

    #[test]
    fn a_chain_that_was_cut_off_is_not_read() {
        let joined = join_chain(&[vec![1, 2, 3]]);
        assert_eq!(split_chain(&joined[..joined.len() - 1]), None);
        assert_eq!(split_chain(&joined[..2]), None);
    }

    #[test]
    fn the_signs_of_a_pattern_stand_for_themselves() {
        assert_eq!(pattern_for("50%_A\\"), r"%50\%\_a\\%");
    }
}
