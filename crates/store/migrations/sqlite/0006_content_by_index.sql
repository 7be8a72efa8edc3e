-- Pieces of content are found by an index beside them. Where a table has no row numbers its rows are its index, and SQLite reads
-- each that it compares from end to end: to find one piece of 256 KiB among many it read a few others whole.

PRAGMA user_version = 6;

CREATE TABLE indexed_content (
    message_id TEXT    NOT NULL,
    piece      INTEGER NOT NULL,
    octets     BLOB    NOT NULL,
    PRIMARY KEY (message_id, piece)
) STRICT;

INSERT INTO indexed_content SELECT message_id, piece, octets FROM content ORDER BY message_id, piece;
DROP TABLE content;
ALTER TABLE indexed_content RENAME TO content;
