-- The tables, as SQLite's migrations up to the same number leave them: see there for what columns mean. Ids and keys are
-- compared octet by octet (COLLATE "C"): lists page by them, whatever the database's language is.

CREATE TABLE facts (
    name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE certificates (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    name_key TEXT COLLATE "C" NOT NULL UNIQUE CHECK (name_key <> ''),
    description TEXT NOT NULL,
    search_text TEXT NOT NULL,
    origin TEXT NOT NULL,
    exportable BOOLEAN NOT NULL,
    leaf_der BYTEA NOT NULL,
    chain_der BYTEA NOT NULL,
    sealed_key BYTEA NOT NULL,
    thumbprint_sha1 TEXT NOT NULL,
    thumbprint_sha256 TEXT NOT NULL UNIQUE,
    not_before BIGINT NOT NULL,
    not_after BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE accounts (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    name_key TEXT COLLATE "C" NOT NULL UNIQUE CHECK (name_key <> ''),
    cloud TEXT NOT NULL,
    tenant TEXT NOT NULL,
    client_id TEXT COLLATE "C" NOT NULL,
    credential_kind TEXT NOT NULL,
    certificate_id TEXT COLLATE "C" REFERENCES certificates (id),
    sealed_secret BYTEA,
    secret_expires_at BIGINT,
    sign_in TEXT NOT NULL,
    transport TEXT NOT NULL,
    from_address TEXT,
    is_default BOOLEAN NOT NULL,
    state TEXT NOT NULL,
    state_since BIGINT NOT NULL,
    state_code TEXT,
    state_cause TEXT,
    state_fix TEXT,
    senders TEXT NOT NULL,
    unknown_policy TEXT NOT NULL,
    large_mail TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE INDEX accounts_by_certificate ON accounts (certificate_id);
CREATE UNIQUE INDEX accounts_have_one_default ON accounts (is_default) WHERE is_default;

CREATE TABLE grants (
    account_id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    sealed_refresh_token BYTEA NOT NULL,
    user_name TEXT NOT NULL,
    user_oid TEXT NOT NULL,
    tenant_id TEXT COLLATE "C" NOT NULL,
    scopes TEXT NOT NULL,
    obtained_at BIGINT NOT NULL,
    renewed_at BIGINT NOT NULL,
    via_device_code BOOLEAN NOT NULL,
    renewal_by TEXT,
    renewal_until BIGINT
);

CREATE TABLE flows (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    account_id TEXT COLLATE "C" NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    account_version BIGINT NOT NULL,
    kind TEXT NOT NULL,
    state_hash BYTEA UNIQUE,
    sealed_secrets BYTEA NOT NULL,
    browser_hash BYTEA,
    started_by TEXT NOT NULL,
    redirect_uri TEXT,
    status TEXT NOT NULL,
    redeemed_at BIGINT,
    found TEXT,
    sealed_grant BYTEA,
    failure TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX flows_by_account ON flows (account_id, status, created_at);
CREATE INDEX flows_by_expiry ON flows (status, expires_at);

CREATE TABLE api_tokens (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    name_key TEXT COLLATE "C" NOT NULL UNIQUE CHECK (name_key <> ''),
    role TEXT NOT NULL,
    token_hash BYTEA NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    expires_at BIGINT,
    last_used_at BIGINT
);

CREATE TABLE audit (
    id BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    source TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    outcome TEXT NOT NULL,
    code TEXT,
    detail TEXT NOT NULL
);

CREATE INDEX audit_by_time ON audit (at, id);
CREATE INDEX audit_by_actor ON audit (actor, at, id);
CREATE INDEX audit_by_actor_and_action ON audit (actor, action, at, id);
CREATE INDEX audit_by_action ON audit (action, at, id);
CREATE INDEX audit_by_target ON audit (target, at, id);

CREATE TABLE users (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    name_key TEXT COLLATE "C" NOT NULL UNIQUE CHECK (name_key <> ''),
    role TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    sealed_totp_secret BYTEA,
    totp_last_step BIGINT,
    sealed_offered_totp_secret BYTEA,
    created_at BIGINT NOT NULL,
    last_sign_in_at BIGINT
);

CREATE TABLE recovery_codes (
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    code_hash BYTEA NOT NULL,
    PRIMARY KEY (user_id, code_hash)
);

CREATE TABLE sessions (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    token_hash BYTEA NOT NULL UNIQUE,
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    source TEXT NOT NULL,
    user_agent TEXT NOT NULL
);

CREATE INDEX sessions_by_user ON sessions (user_id);

CREATE TABLE submitters (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    name_key TEXT COLLATE "C" NOT NULL UNIQUE CHECK (name_key <> ''),
    description TEXT NOT NULL,
    user_name TEXT,
    user_name_key TEXT COLLATE "C" UNIQUE CHECK (user_name_key <> ''),
    password_hash TEXT,
    keyed_hash BYTEA,
    token_hash BYTEA UNIQUE,
    networks TEXT NOT NULL,
    uids TEXT NOT NULL,
    senders TEXT NOT NULL,
    foreign_from TEXT NOT NULL,
    account_id TEXT COLLATE "C" REFERENCES accounts (id),
    rate_per_minute BIGINT,
    is_enabled BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    last_used_at BIGINT
);

CREATE INDEX submitters_by_account ON submitters (account_id);

CREATE TABLE lanes (
    id BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id TEXT COLLATE "C" NOT NULL,
    mailbox TEXT COLLATE "C" NOT NULL,
    owner TEXT,
    owner_run TEXT,
    owned_until BIGINT,
    counters TEXT NOT NULL,
    UNIQUE (account_id, mailbox)
);

CREATE TABLE messages (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    lane_id BIGINT NOT NULL,
    state TEXT NOT NULL,
    state_since BIGINT NOT NULL,
    next_attempt_at BIGINT,
    expires_at BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    tries BIGINT NOT NULL,
    started_at BIGINT,
    node TEXT,
    node_run TEXT,
    leased_until BIGINT,
    code TEXT,
    text TEXT,
    has_content BOOLEAN NOT NULL,
    received_at BIGINT NOT NULL,
    submitter_id TEXT,
    submitter_name TEXT NOT NULL,
    source TEXT NOT NULL,
    from_address TEXT,
    recipients BIGINT NOT NULL,
    first_recipient TEXT NOT NULL,
    ret TEXT,
    envid TEXT,
    header_from TEXT NOT NULL,
    subject TEXT NOT NULL,
    message_id TEXT COLLATE "C" NOT NULL,
    size_octets BIGINT NOT NULL,
    header_octets BIGINT NOT NULL,
    eight_bit BOOLEAN NOT NULL,
    international BOOLEAN NOT NULL,
    notes TEXT NOT NULL,
    search_text TEXT NOT NULL
);

CREATE INDEX messages_due ON messages (lane_id, next_attempt_at, id, state) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX messages_by_expiry ON messages (expires_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX messages_sending ON messages (leased_until) WHERE leased_until IS NOT NULL;
CREATE INDEX messages_unsent ON messages (state, id, lane_id)
    WHERE state IN ('queued', 'deferred', 'failed', 'expired', 'held', 'cancelled');

CREATE TABLE recipients (
    message_id TEXT COLLATE "C" NOT NULL,
    position BIGINT NOT NULL,
    address TEXT NOT NULL,
    notify TEXT,
    orcpt TEXT,
    state TEXT,
    code TEXT,
    text TEXT,
    PRIMARY KEY (message_id, position)
);

CREATE TABLE attempts (
    message_id TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    node TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    via TEXT,
    code TEXT,
    text TEXT,
    request_id TEXT,
    remote_id TEXT,
    PRIMARY KEY (message_id, number)
);

CREATE TABLE happenings (
    id BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    what TEXT NOT NULL,
    actor TEXT NOT NULL,
    detail TEXT NOT NULL
);

CREATE INDEX happenings_by_message ON happenings (message_id, id);

CREATE TABLE content (
    message_id TEXT COLLATE "C" NOT NULL,
    piece BIGINT NOT NULL,
    octets BYTEA NOT NULL,
    PRIMARY KEY (message_id, piece)
);

CREATE TABLE spools (
    message_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    started_at BIGINT NOT NULL
);

CREATE TABLE idempotency_keys (
    scope TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    request_hash BYTEA NOT NULL,
    message_id TEXT COLLATE "C" NOT NULL,
    used_at BIGINT NOT NULL,
    PRIMARY KEY (scope, key)
);

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (used_at);

CREATE TABLE history (
    at BIGINT NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    writer BIGINT NOT NULL,
    accepted BIGINT NOT NULL,
    sent BIGINT NOT NULL,
    deferred BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    PRIMARY KEY (at, account_id, writer)
);

CREATE TABLE pauses (
    account_id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    since BIGINT NOT NULL,
    code TEXT NOT NULL,
    reason TEXT NOT NULL,
    probes BIGINT NOT NULL,
    next_probe_at BIGINT NOT NULL
);

ALTER TABLE content ALTER COLUMN octets SET STORAGE EXTERNAL; -- mail is not made smaller again

CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only';
END
$$;

CREATE TRIGGER audit_is_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
