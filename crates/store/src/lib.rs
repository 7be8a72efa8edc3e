//! The room that keeps things: the only SQL in the house, and the data directory it lives in.
//!
//! It stores certificates, accounts, grants, authorizations under way, API tokens, users, their sessions and the audit log,
//! each change together with its audit row in one transaction. It must never see a secret in the clear: keys, client secrets and refresh tokens
//! come and go as sealed bytes, and this crate doesn't know how to open them. Its neighbours are `postern`, which calls
//! it, and the database.
//!
//! # What holds here
//! - A call that returned `Ok` is on disk: write-ahead log, `synchronous=FULL`.
//! - A mutating call is one transaction, its audit row included: both are there or neither is.
//! - Times are kept to the millisecond, in UTC. They come in as arguments; nothing here looks at a clock.
//! - Names are unique whatever their case; `find` takes an id or a name, the id first.
//! - A row that can't be read is reported by table, id and column ([`CorruptRow`]) and hides no other row:
//!   lists return it beside the readable ones ([`Paged::corrupt`]).
//! - Lists page by key, never by offset, so that the last page costs what the first one does.
//! - An account's `version` counts what makes an answer still under way stale: changed settings and a new grant. A change
//!   of its state does not count.
//!
//! SQL is portable (`$1`, `ON CONFLICT`, `RETURNING`, row values); what is one engine's own stands in `engine/sqlite` or
//! `engine/postgres` and in the migrations. On PostgreSQL several processes may share the database ([`Store::is_shared`]).

mod accounts;
mod api_tokens;
mod audit;
mod certificates;
mod console_identity;
mod data_dir;
mod database;
mod engine;
mod failure;
mod flows;
mod grants;
mod location;
mod news;
mod nodes;
mod page;
pub mod queue;
mod record;
mod sessions;
mod setup_link;
mod submitters;
mod users;
mod word;

pub use accounts::{
    AccountRow, Accounts, CredentialRow, InsertAccountError, LargeMail, RemoveAccountError, Removed,
    SetStateError, SignIn, StateName, StateRow, Step, Transport, UnknownPolicy, UpdateAccountError, Updated,
};
pub use api_tokens::{ApiTokens, DeleteTokenError, InsertTokenError, Role, TokenRow};
pub use audit::{Audit, AuditEntry, AuditFilter, AuditRow, Outcome};
pub use certificates::{
    CertificateRow, Certificates, DeleteCertificateError, EditCertificateError, InsertCertificateError,
    Material, Origin, ReplaceCertificateError,
};
pub use console_identity::ConsoleIdentity;
pub use data_dir::{DataDir, DataDirError};
pub use database::{ClaimError, Store};
pub use failure::{Barrier, CorruptRow, OpenError, StoreError};
pub use flows::{FlowKind, FlowRow, FlowStatus, Flows, SettleError, Settlement, TakeError};
pub use grants::{DeleteGrantError, GrantRow, Grants, PutGrantError, RenewGrantError};
pub use location::{Location, LocationError};
pub use news::{News, Newsreel};
pub use nodes::Nodes;
pub use page::{BadCursor, Cursor, MAX_LIMIT, Page, Paged};
pub use sessions::{EndSessionError, SecondFactor, SessionRow, Sessions, SetUpError, StartSessionError};
pub use submitters::{
    ForeignFrom, PutSubmitterError, RemoveSubmitterError, SubmitterRow, SubmitterSecret, Submitters,
};
pub use users::{
    ConfirmTotpError, EditUserError, InsertUserError, PasswordHash, SecondFactorEdit, UserEdit, UserRow,
    Users,
};
pub use word::UnknownWord;
