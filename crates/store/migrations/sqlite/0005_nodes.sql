-- Several nodes on one database (PostgreSQL): who is there, and who has a turn. On SQLite, which one process uses, both stay
-- empty. A lane is its owner's as long as the owner's run stands in nodes: one row is renewed, not one for each lane.

PRAGMA user_version = 5;

CREATE TABLE nodes (
    run   TEXT    NOT NULL PRIMARY KEY,
    name  TEXT    NOT NULL,
    until INTEGER NOT NULL -- when the others may take it for gone
) STRICT, WITHOUT ROWID;

-- What one node at a time does.
CREATE TABLE turns (
    name   TEXT    NOT NULL PRIMARY KEY,
    holder TEXT    NOT NULL,
    until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

ALTER TABLE lanes DROP COLUMN owner;
ALTER TABLE lanes DROP COLUMN owned_until;
