-- The first release's tables. A migration that has been released is never edited: its checksum is kept in every
-- database, and a changed one is refused. What comes next is 0002_….sql, listed in src/engine.rs.
--
-- Times are milliseconds since 1970-01-01T00:00:00Z, ids are UUIDs as lower-case text, name_key is the name in lower
-- case (names are unique whatever their case), sealed_* is AEAD ciphertext that only the server's secrets room opens.

-- It stands in the file's header, where it is read before anything is opened (src/engine.rs).
PRAGMA user_version = 1;

CREATE TABLE facts (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE certificates (
    id                TEXT    NOT NULL PRIMARY KEY,
    name              TEXT    NOT NULL,
    name_key          TEXT    NOT NULL UNIQUE CHECK (name_key <> ''),
    description       TEXT    NOT NULL,
    search_text       TEXT    NOT NULL, -- name, description and thumbprints in lower case: what the list's filter looks in
    origin            TEXT    NOT NULL,
    exportable        INTEGER NOT NULL,
    leaf_der          BLOB    NOT NULL,
    chain_der         BLOB    NOT NULL, -- each certificate after its length (32 bits, big endian)
    sealed_key        BLOB    NOT NULL,
    thumbprint_sha1   TEXT    NOT NULL,
    thumbprint_sha256 TEXT    NOT NULL UNIQUE,
    not_before        INTEGER NOT NULL,
    not_after         INTEGER NOT NULL,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL
) STRICT;

CREATE TABLE accounts (
    id                TEXT    NOT NULL PRIMARY KEY,
    version           INTEGER NOT NULL,
    name              TEXT    NOT NULL,
    name_key          TEXT    NOT NULL UNIQUE CHECK (name_key <> ''),
    cloud             TEXT    NOT NULL,
    tenant            TEXT    NOT NULL,
    client_id         TEXT    NOT NULL,
    credential_kind   TEXT    NOT NULL,
    certificate_id    TEXT    REFERENCES certificates (id),
    sealed_secret     BLOB,
    secret_expires_at INTEGER,
    sign_in           TEXT    NOT NULL,
    transport         TEXT    NOT NULL,
    from_address      TEXT,
    is_default        INTEGER NOT NULL,
    state             TEXT    NOT NULL,
    state_since       INTEGER NOT NULL,
    state_code        TEXT,
    state_cause       TEXT,
    state_fix         TEXT,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL
) STRICT;

CREATE INDEX accounts_by_certificate ON accounts (certificate_id);
CREATE UNIQUE INDEX accounts_have_one_default ON accounts (is_default) WHERE is_default;

CREATE TABLE grants (
    account_id           TEXT    NOT NULL PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    sealed_refresh_token BLOB    NOT NULL,
    user_name            TEXT    NOT NULL,
    user_oid             TEXT    NOT NULL,
    tenant_id            TEXT    NOT NULL,
    scopes               TEXT    NOT NULL, -- separated by spaces, as in RFC 6749 section 3.3
    obtained_at          INTEGER NOT NULL,
    renewed_at           INTEGER NOT NULL,
    via_device_code      INTEGER NOT NULL
) STRICT;

CREATE TABLE flows (
    id              TEXT    NOT NULL PRIMARY KEY,
    account_id      TEXT    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    account_version INTEGER NOT NULL,
    kind            TEXT    NOT NULL,
    state_hash      BLOB    UNIQUE,
    sealed_secrets  BLOB    NOT NULL,
    browser_hash    BLOB,
    started_by      TEXT    NOT NULL,
    redirect_uri    TEXT,
    status          TEXT    NOT NULL,
    redeemed_at     INTEGER,
    found           TEXT,
    sealed_grant    BLOB,
    failure         TEXT,
    created_at      INTEGER NOT NULL,
    expires_at      INTEGER NOT NULL
) STRICT;

CREATE INDEX flows_by_account ON flows (account_id, status, created_at);
CREATE INDEX flows_by_expiry ON flows (status, expires_at);

CREATE TABLE api_tokens (
    id           TEXT    NOT NULL PRIMARY KEY,
    name         TEXT    NOT NULL,
    name_key     TEXT    NOT NULL UNIQUE CHECK (name_key <> ''),
    role         TEXT    NOT NULL,
    token_hash   BLOB    NOT NULL UNIQUE,
    created_at   INTEGER NOT NULL,
    created_by   TEXT    NOT NULL,
    expires_at   INTEGER,
    last_used_at INTEGER
) STRICT;

CREATE TABLE audit (
    id      INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    actor   TEXT    NOT NULL,
    source  TEXT    NOT NULL,
    action  TEXT    NOT NULL,
    target  TEXT    NOT NULL,
    outcome TEXT    NOT NULL,
    code    TEXT,
    detail  TEXT    NOT NULL
) STRICT;

-- Newest first, whatever is asked for: each filter has its own way in, and none sorts.
CREATE INDEX audit_by_time ON audit (at, id);
CREATE INDEX audit_by_actor ON audit (actor, at, id);
CREATE INDEX audit_by_actor_and_action ON audit (actor, action, at, id);
CREATE INDEX audit_by_action ON audit (action, at, id);
CREATE INDEX audit_by_target ON audit (target, at, id);

CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

CREATE TRIGGER audit_is_never_deleted BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
