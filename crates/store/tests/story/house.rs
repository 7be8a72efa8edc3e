//! The set-up of every story: a database of its own in a folder of its own, and the rows that stories are about.

use std::path::{Path, PathBuf};

use crate::postgres;
use bytes::Bytes;
use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions};
use store::queue::{
    Accepted, AttemptOutcome, Claim, LaneId, LaneKey, Lease, Message, NewContent, NewMessage, Next, Node,
    Recipient, Settlement,
};
use store::{
    AccountRow, AuditEntry, AuditFilter, CertificateRow, CredentialRow, FlowKind, FlowRow, FlowStatus,
    GrantRow, LargeMail, Location, Material, Origin, Outcome, Page, PasswordHash, Role, SecondFactor,
    SessionRow, SignIn, StartSessionError, StateName, StateRow, Store, Transport, UnknownPolicy, UserRow,
};
use tempfile::TempDir;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// Tells each story once for every database.
macro_rules! stories {
    ($(async fn $story:ident($db:ident: TestDatabase) $body:block)+) => { $(
        mod $story {
            #[tokio::test] async fn on_sqlite() { super::$story($crate::house::TestDatabase::sqlite().await).await; }
            #[tokio::test] async fn on_postgres() { super::$story($crate::house::TestDatabase::postgres().await).await; }
        }

        async fn $story($db: $crate::house::TestDatabase) $body
    )+ };
}

pub(crate) use stories;

/// An open store on a database of its own; its folder is kept when the story fails.
pub(crate) struct TestDatabase {
    pub(crate) store: Store,
    place: Place,
}

/// Where a database is.
enum Place {
    Sqlite { folder: Option<TempDir>, file: PathBuf },
    Postgres { database: String },
}

impl TestDatabase {
    pub(crate) async fn sqlite() -> Self {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("postern.db");
        Self { store: open(&file).await, place: Place::Sqlite { folder: Some(folder), file } }
    }

    pub(crate) async fn postgres() -> Self {
        let database = postgres::create_database().await;
        Self { store: open_postgres(&database).await, place: Place::Postgres { database } }
    }

    /// A second store on the same database, as another process would have it.
    pub(crate) async fn second_store(&self) -> Store {
        match &self.place {
            Place::Sqlite { file, .. } => open(file).await,
            Place::Postgres { database } => open_postgres(database).await,
        }
    }

    /// The database as it would be found had the power been cut now, opened: a copy of what lies on the disk; on a server,
    /// what is left when all connections end in the middle of whatever they are at.
    pub(crate) async fn after_power_cut(&self) -> Store {
        match &self.place {
            Place::Sqlite { folder, .. } => {
                let copy = tempfile::tempdir_in(folder.as_ref().unwrap()).unwrap().keep();
                for name in ["postern.db", "postern.db-wal"] {
                    std::fs::copy(folder.as_ref().unwrap().path().join(name), copy.join(name)).unwrap();
                }
                open(&copy.join("postern.db")).await
            }
            Place::Postgres { database } => {
                postgres::cut_connections(database).await;
                open_postgres(database).await
            }
        }
    }

    /// What somebody does to the database behind the store's back.
    pub(crate) async fn sql(&self, sql: &str) {
        self.try_sql(sql).await.unwrap();
    }

    /// Like [`Self::sql`], for what the database refuses; returns its words.
    pub(crate) async fn refused_sql(&self, sql: &str) -> String {
        self.try_sql(sql).await.unwrap_err().to_string()
    }

    async fn try_sql(&self, sql: &str) -> Result<(), sqlx::Error> {
        match &self.place {
            Place::Sqlite { file, .. } => {
                let options = SqliteConnectOptions::new().filename(file).foreign_keys(false);
                let mut connection = options.connect().await?;
                sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.map(|_| ())
            }
            Place::Postgres { database } => postgres::run_sql(database, sql).await,
        }
    }

    /// One of two texts: SQLite's or PostgreSQL's.
    pub(crate) fn sqlite_or_postgres<'t>(&self, sqlite: &'t str, postgres: &'t str) -> &'t str {
        match &self.place {
            Place::Sqlite { .. } => sqlite,
            Place::Postgres { .. } => postgres,
        }
    }

    /// From now on no audit row can be written.
    pub(crate) async fn break_audit(&self) {
        self.sql(self.sqlite_or_postgres(
            "CREATE TRIGGER broken BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'broken'); END",
            "CREATE TRIGGER broken BEFORE INSERT ON audit EXECUTE FUNCTION refuse_audit_change()",
        ))
        .await;
    }

    /// The actions in the audit log, newest first, without those of the database itself.
    pub(crate) async fn audited(&self) -> Vec<String> {
        let rows = self.store.audit().list(&Page::first(500), &AuditFilter::default()).await.unwrap().rows;
        rows.into_iter()
            .map(|row| row.entry.action)
            .filter(|action| !action.starts_with("database."))
            .collect()
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Place::Sqlite { folder, .. } = &mut self.place
            && std::thread::panicking()
        {
            let kept = folder.take().map(TempDir::keep);
            eprintln!("the database is kept in {}", kept.unwrap_or_default().display());
        }
    }
}

pub(crate) async fn open(file: &Path) -> Store {
    Store::open(&Location::Sqlite(file.to_owned()), noon()).await.unwrap()
}

async fn open_postgres(database: &str) -> Store {
    let socket = postgres::server().display().to_string().replace('/', "%2F");
    let address = format!("postgres://postern@{socket}%2Frun/{database}");
    let location = Location::parse(&address, Path::new("/")).unwrap();
    Store::open(&location, noon()).await.unwrap()
}

/// The time of every story, unless it passes.
pub(crate) fn noon() -> OffsetDateTime {
    datetime!(2026-11-21 12:00 UTC)
}

pub(crate) fn minutes(n: i64) -> Duration {
    Duration::minutes(n)
}

pub(crate) fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

pub(crate) fn audit(action: &str) -> AuditEntry {
    AuditEntry {
        at: noon(),
        actor: "anna".to_owned(),
        source: "192.0.2.7".to_owned(),
        action: action.to_owned(),
        target: String::new(),
        outcome: Outcome::Done,
        code: None,
        detail: json!({}),
    }
}

pub(crate) fn certificate(n: u128, name: &str) -> CertificateRow {
    CertificateRow {
        id: id(n),
        name: name.to_owned(),
        description: String::new(),
        origin: Origin::Imported,
        material: material(n),
        created_at: noon(),
        updated_at: noon(),
    }
}

pub(crate) fn material(n: u128) -> Material {
    Material {
        exportable: false,
        leaf_der: n.to_be_bytes().to_vec(),
        chain_der: vec![vec![0x30, 0x00], vec![0x30, 0x01, 0x05]],
        sealed_key: vec![0xAA; 40],
        thumbprint_sha1: format!("A{n:039X}"),
        thumbprint_sha256: format!("{n:064x}"),
        not_before: noon() - Duration::days(1),
        not_after: noon() + Duration::days(364),
    }
}

/// An account that proves itself with a client secret.
pub(crate) fn account(n: u128, name: &str) -> AccountRow {
    AccountRow {
        id: id(n),
        version: 1,
        name: name.to_owned(),
        cloud: "global".to_owned(),
        tenant: "contoso.example".to_owned(),
        client_id: "11111111-2222-3333-4444-555555555555".to_owned(),
        credential: CredentialRow::Secret {
            sealed_secret: vec![1, 2, 3],
            expires_at: Some(noon() + minutes(9)),
        },
        sign_in: SignIn::Delegated,
        transport: Transport::Graph,
        from_address: Some("scanner@contoso.example".to_owned()),
        senders: vec!["*@contoso.com".to_owned()],
        unknown_policy: UnknownPolicy::Hold,
        large_mail: LargeMail::Smtp,
        is_default: false,
        state: state(StateName::NeedsSignIn),
        created_at: noon(),
        updated_at: noon(),
    }
}

pub(crate) fn account_with(n: u128, name: &str, certificate_id: Uuid) -> AccountRow {
    AccountRow { credential: CredentialRow::Certificate { certificate_id }, ..account(n, name) }
}

pub(crate) fn state(name: StateName) -> StateRow {
    StateRow { name, since: noon(), code: None, cause: None, fix: None, step: None }
}

pub(crate) fn grant(account_id: Uuid, user: &str) -> GrantRow {
    GrantRow {
        account_id,
        sealed_refresh_token: user.as_bytes().to_vec(),
        user: user.to_owned(),
        user_oid: "oid".to_owned(),
        tenant_id: "tid".to_owned(),
        scopes: vec!["Mail.Send".to_owned(), "offline_access".to_owned()],
        obtained_at: noon(),
        renewed_at: noon(),
        via_device_code: false,
    }
}

/// An authorization by browser for version 1 of the account, ten minutes long.
pub(crate) fn flow(n: u128, account_id: Uuid, state: &[u8]) -> FlowRow {
    FlowRow {
        id: id(n),
        account_id,
        account_version: 1,
        kind: FlowKind::AuthorizationCode,
        state_hash: Some(state.to_vec()),
        sealed_secrets: vec![7; 50],
        browser_hash: Some(vec![8; 32]),
        started_by: "anna".to_owned(),
        redirect_uri: Some("https://localhost:4443/authorize".to_owned()),
        status: FlowStatus::Waiting,
        redeemed_at: None,
        found: None,
        sealed_grant: None,
        failure: None,
        created_at: noon(),
        expires_at: noon() + minutes(10),
    }
}

/// An administrator without a second factor.
pub(crate) fn user(n: u128, name: &str) -> UserRow {
    UserRow {
        id: id(n),
        name: name.to_owned(),
        role: Role::Administrator,
        password_hash: PasswordHash::new(format!("$argon2id${n}")),
        sealed_totp_secret: None,
        sealed_offered_totp_secret: None,
        created_at: noon(),
        last_sign_in_at: None,
    }
}

/// A session of a day; its hash is `[n; 32]`.
pub(crate) fn session(n: u8, user_id: Uuid) -> SessionRow {
    SessionRow {
        id: id(n.into()),
        token_hash: vec![n; 32],
        user_id,
        created_at: noon(),
        last_seen_at: noon(),
        expires_at: noon() + minutes(24 * 60),
        source: "192.0.2.7".to_owned(),
        user_agent: "Browser/1".to_owned(),
    }
}

/// Signs in as `user`; sessions are idle after an hour.
pub(crate) async fn start(
    db: &TestDatabase,
    row: &SessionRow,
    user: &UserRow,
    factor: SecondFactor<'_>,
) -> Result<(), StartSessionError> {
    db.store.sessions().start(row, user, factor, noon() - minutes(60), &audit("session.start")).await
}

/// A message that came `n` seconds after noon, to two recipients, small enough for one piece.
pub(crate) fn message(n: u64) -> NewMessage {
    let received_at = noon() + Duration::seconds(n.try_into().unwrap());
    let recipient = |name: &str| Recipient {
        address: format!("{name}{n}@contoso.com").parse().unwrap(),
        notify: Some("FAILURE".to_owned()),
        orcpt: None,
    };
    let message = Message {
        id: message_id(n),
        lane: lane(1, "relay@contoso.com"),
        submitter_id: Some(id(70)),
        submitter_name: "scanner".to_owned(),
        source: "192.0.2.9".to_owned(),
        from: Some("Scanner@contoso.com".parse().unwrap()),
        recipients: vec![recipient("ann"), recipient("bob")],
        ret: Some("HDRS".to_owned()),
        envid: None,
        header_from: "Scanner <scanner@contoso.com>".to_owned(),
        subject: format!("Grüße Nr. {n}"),
        message_id: format!("{n}@scanner"),
        size_octets: 11,
        header_octets: 5,
        traits: mail::Traits { eight_bit: true, international: false },
        notes: json!({ "route": "default" }),
        received_at,
        expires_at: received_at + Duration::days(5),
    };
    let content = NewContent::Whole(vec![Bytes::from_static(b"A: b\n\nhello")]);
    NewMessage { message, first_attempt_at: received_at, idempotency: None, content }
}

/// The id of [`message`] number `n`: a UUIDv7 of when it came.
pub(crate) fn message_id(n: u64) -> Uuid {
    let millis = u64::try_from(noon().unix_timestamp()).unwrap() * 1000 + n * 1000;
    uuid::Builder::from_unix_timestamp_millis(millis, &[7; 10]).into_uuid()
}

pub(crate) fn lane(account: u128, mailbox: &str) -> LaneKey {
    LaneKey { account_id: id(account), mailbox: mailbox.to_owned() }
}

pub(crate) fn node(name: &str, run: u128) -> Node {
    Node { name: name.to_owned(), run: id(run) }
}

/// A lease of ten minutes from noon.
pub(crate) fn lease() -> Lease {
    Lease { node: node("here", 1), until: noon() + minutes(10) }
}

/// Accepts these messages; they wait.
pub(crate) async fn accept(db: &TestDatabase, numbers: impl IntoIterator<Item = u64>) -> LaneId {
    let mut lane = LaneId(0);
    for n in numbers {
        match db.store.queue().accept(message(n), None).await.unwrap() {
            Accepted::Queued { lane_id } => lane = lane_id,
            other => panic!("{other:?}"),
        }
    }
    lane
}

/// Claims up to `limit` messages of the lane, an hour after noon.
pub(crate) async fn claim(db: &TestDatabase, lane_id: LaneId, limit: u32) -> Vec<Claim> {
    let lease = Lease { until: noon() + minutes(70), ..lease() };
    db.store.queue().claim(lane_id, limit, noon() + minutes(60), lease).await.unwrap()
}

/// The end of an attempt, an hour and a minute after noon.
pub(crate) fn settlement(claim: &Claim, outcome: AttemptOutcome, next: Next) -> Settlement {
    Settlement {
        claim: claim.key(),
        account_id: claim.message.lane.account_id,
        now: noon() + minutes(61),
        outcome,
        via: Some("graph".to_owned()),
        code: None,
        text: None,
        request_id: Some("request".to_owned()),
        remote_id: None,
        recipients: Vec::new(),
        next,
        report: None,
    }
}
