-- +goose Up
-- Words in double braces, times and JSON are as in the first migration.

-- leaving says that a node finishes what it has in hand and begins nothing more.
ALTER TABLE nodes ADD COLUMN version TEXT NOT NULL DEFAULT '';
ALTER TABLE nodes ADD COLUMN leaving BIGINT NOT NULL DEFAULT 0;

-- Contents too large for a row, where several nodes have to get at them: sealed
-- bytes in pieces, n counting from 0. written_at is by the database's clock.
CREATE TABLE blobs (
  name       {{id}} NOT NULL PRIMARY KEY,
  written_at BIGINT NOT NULL
) {{clustered}};
CREATE INDEX blobs_written ON blobs (written_at);
CREATE TABLE chunks (
  blob {{id}} NOT NULL,
  n    BIGINT NOT NULL,
  data {{bytes}} NOT NULL,
  PRIMARY KEY (blob, n)
);

-- +goose Down
DROP TABLE chunks;
DROP TABLE blobs;
ALTER TABLE nodes DROP COLUMN leaving;
ALTER TABLE nodes DROP COLUMN version;
