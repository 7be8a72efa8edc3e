-- People who sign in to the console, their recovery codes and their sessions. What holds for columns stands in 0001.
-- The set-up link's hash is a row of facts.

PRAGMA user_version = 2;

CREATE TABLE users (
    id                         TEXT    NOT NULL PRIMARY KEY,
    name                       TEXT    NOT NULL,
    name_key                   TEXT    NOT NULL UNIQUE CHECK (name_key <> ''),
    role                       TEXT    NOT NULL,
    password_hash              TEXT    NOT NULL, -- a PHC string of argon2id
    sealed_totp_secret         BLOB,             -- empty: no second factor
    totp_last_step             INTEGER,          -- the newest 30-second step whose code was used: none counts twice
    sealed_offered_totp_secret BLOB,             -- shown, and not yet confirmed by a code
    created_at                 INTEGER NOT NULL,
    last_sign_in_at            INTEGER
) STRICT;

CREATE TABLE recovery_codes (
    user_id   TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    code_hash BLOB NOT NULL,
    PRIMARY KEY (user_id, code_hash)
) STRICT;

CREATE TABLE sessions (
    id           TEXT    NOT NULL PRIMARY KEY,
    token_hash   BLOB    NOT NULL UNIQUE,
    user_id      TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at   INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    source       TEXT    NOT NULL,
    user_agent   TEXT    NOT NULL
) STRICT;

CREATE INDEX sessions_by_user ON sessions (user_id);
