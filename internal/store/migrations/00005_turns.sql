-- +goose Up
-- Words in double braces, times and JSON are as in the first migration.

-- Rows that are written to hold others up until the transaction ends: who changes
-- accounts and credentials of a team, or takes a turn, does so alone.
CREATE TABLE locks (
  name {{id}} NOT NULL PRIMARY KEY
) {{clustered}};

-- Who is at the consents of an OAuth client of Google's: those who finish one
-- stand side by side (alone is 0), one who revokes stands alone (1).
CREATE TABLE turns (
  name    {{id}} NOT NULL,
  holder  {{id}} NOT NULL,
  alone   BIGINT NOT NULL,
  ends_at BIGINT NOT NULL,
  PRIMARY KEY (name, holder)
) {{clustered}};

-- A connect link ends with the key that made it; empty: with none.
ALTER TABLE connect_links ADD COLUMN key_id {{id}} NOT NULL DEFAULT '';
CREATE INDEX consents_link ON consents (link_id, expires_at) WHERE link_id <> '';

-- +goose Down
DROP INDEX consents_link;
ALTER TABLE connect_links DROP COLUMN key_id;
DROP TABLE turns;
DROP TABLE locks;
