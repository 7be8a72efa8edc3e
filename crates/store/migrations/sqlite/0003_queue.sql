-- The queue, and who may put mail into it. What holds for columns stands in 0001.
--
-- A busy table has no foreign keys, which would cost a look-up for each row: src/queue deletes a message with all that
-- belongs to it. Messages have no row number: their ids (UUIDv7) grow with time, so that what comes together lies together.

PRAGMA user_version = 3;

ALTER TABLE accounts ADD COLUMN senders TEXT NOT NULL DEFAULT ''; -- patterns, separated by spaces
ALTER TABLE accounts ADD COLUMN unknown_policy TEXT NOT NULL DEFAULT 'look_then_resend';
ALTER TABLE accounts ADD COLUMN large_mail TEXT NOT NULL DEFAULT 'draft';

ALTER TABLE grants ADD COLUMN renewal_by TEXT; -- the run of the node that renews the grant at the moment, and
ALTER TABLE grants ADD COLUMN renewal_until INTEGER;

CREATE TABLE submitters (
    id              TEXT    NOT NULL PRIMARY KEY,
    version         INTEGER NOT NULL,
    name            TEXT    NOT NULL,
    name_key        TEXT    NOT NULL UNIQUE CHECK (name_key <> ''),
    description     TEXT    NOT NULL,
    user_name       TEXT,
    user_name_key   TEXT    UNIQUE CHECK (user_name_key <> ''),
    password_hash   TEXT,             -- a PHC string of argon2id, or
    keyed_hash      BLOB,             -- HMAC-SHA-256 of a generated password
    token_hash      BLOB    UNIQUE,
    networks        TEXT    NOT NULL, -- separated by spaces, as are uids and senders
    uids            TEXT    NOT NULL,
    senders         TEXT    NOT NULL,
    foreign_from    TEXT    NOT NULL,
    account_id      TEXT    REFERENCES accounts (id),
    rate_per_minute INTEGER,
    is_enabled      INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    last_used_at    INTEGER
) STRICT;

CREATE INDEX submitters_by_account ON submitters (account_id);

CREATE TABLE lanes (
    id          INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    account_id  TEXT    NOT NULL,
    mailbox     TEXT    NOT NULL,
    owner       TEXT,             -- the node that sends from it, and
    owner_run   TEXT,             -- which run of it
    owned_until INTEGER,
    counters    TEXT    NOT NULL,
    UNIQUE (account_id, mailbox)
) STRICT;

CREATE TABLE messages (
    id              TEXT    NOT NULL PRIMARY KEY,
    lane_id         INTEGER NOT NULL,
    state           TEXT    NOT NULL,
    state_since     INTEGER NOT NULL,
    next_attempt_at INTEGER,          -- while it waits (queued, deferred)
    expires_at      INTEGER NOT NULL,
    attempt         INTEGER NOT NULL, -- the number of the newest attempt
    tries           INTEGER NOT NULL, -- how many of them count
    started_at      INTEGER,          -- the newest attempt: when it began,
    node            TEXT,             -- who makes it,
    node_run        TEXT,
    leased_until    INTEGER,          -- and, while it is under way, until when
    code            TEXT,             -- what stopped it last
    text            TEXT,
    has_content     INTEGER NOT NULL,
    received_at     INTEGER NOT NULL,
    submitter_id    TEXT,
    submitter_name  TEXT    NOT NULL,
    source          TEXT    NOT NULL,
    from_address    TEXT,             -- empty: <>
    recipients      INTEGER NOT NULL,
    first_recipient TEXT    NOT NULL,
    ret             TEXT,
    envid           TEXT,
    header_from     TEXT    NOT NULL,
    subject         TEXT    NOT NULL,
    message_id      TEXT    NOT NULL,
    size_octets     INTEGER NOT NULL,
    header_octets   INTEGER NOT NULL,
    eight_bit       INTEGER NOT NULL,
    international   INTEGER NOT NULL,
    notes           TEXT    NOT NULL,
    search_text     TEXT    NOT NULL  -- what a search looks in, in lower case
) STRICT, WITHOUT ROWID;

-- Each holds only what waits, is under way or stopped short: a message that is sent at once is never in the first two.
CREATE INDEX messages_due ON messages (lane_id, next_attempt_at, id, state) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX messages_by_expiry ON messages (expires_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX messages_sending ON messages (leased_until) WHERE leased_until IS NOT NULL;
CREATE INDEX messages_unsent ON messages (state, id, lane_id)
    WHERE state IN ('queued', 'deferred', 'failed', 'expired', 'held', 'cancelled');

CREATE TABLE recipients (
    message_id TEXT    NOT NULL,
    position   INTEGER NOT NULL,
    address    TEXT    NOT NULL,
    notify     TEXT,
    orcpt      TEXT,
    state      TEXT,              -- empty: as the message
    code       TEXT,
    text       TEXT,
    PRIMARY KEY (message_id, position)
) STRICT, WITHOUT ROWID;

-- The attempts that have ended; one that is under way stands in messages.
CREATE TABLE attempts (
    message_id TEXT    NOT NULL,
    number     INTEGER NOT NULL,
    node       TEXT    NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at   INTEGER NOT NULL,
    outcome    TEXT    NOT NULL,
    via        TEXT,
    code       TEXT,
    text       TEXT,
    request_id TEXT,
    remote_id  TEXT,
    PRIMARY KEY (message_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE happenings (
    id         INTEGER NOT NULL PRIMARY KEY,
    message_id TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    what       TEXT    NOT NULL,
    actor      TEXT    NOT NULL,
    detail     TEXT    NOT NULL
) STRICT;

CREATE INDEX happenings_by_message ON happenings (message_id, id);

CREATE TABLE content (
    message_id TEXT    NOT NULL,
    piece      INTEGER NOT NULL,
    octets     BLOB    NOT NULL,
    PRIMARY KEY (message_id, piece)
) STRICT, WITHOUT ROWID;

-- Messages of which pieces were written and which nobody has accepted yet.
CREATE TABLE spools (
    message_id TEXT    NOT NULL PRIMARY KEY,
    started_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency_keys (
    scope        TEXT    NOT NULL,
    key          TEXT    NOT NULL,
    request_hash BLOB    NOT NULL,
    message_id   TEXT    NOT NULL,
    used_at      INTEGER NOT NULL,
    PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (used_at);

-- What happened within five minutes. Each writer has its own row, so that nodes don't wait for each other.
CREATE TABLE history (
    at         INTEGER NOT NULL,
    account_id TEXT    NOT NULL,
    writer     INTEGER NOT NULL,
    accepted   INTEGER NOT NULL,
    sent       INTEGER NOT NULL,
    deferred   INTEGER NOT NULL,
    failed     INTEGER NOT NULL,
    PRIMARY KEY (at, account_id, writer)
) STRICT, WITHOUT ROWID;

CREATE TABLE pauses (
    account_id    TEXT    NOT NULL PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    since         INTEGER NOT NULL,
    code          TEXT    NOT NULL,
    reason        TEXT    NOT NULL,
    probes        INTEGER NOT NULL,
    next_probe_at INTEGER NOT NULL
) STRICT;
