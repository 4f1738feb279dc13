-- +goose Up
-- Words in double braces, times and JSON are as in the first migration.

-- Accounts that may send for the same mail, with a strategy. sticky_by says what
-- the strategy sticky goes by.
CREATE TABLE pools (
  team_id    {{id}} NOT NULL,
  id         {{id}} NOT NULL,
  name       TEXT NOT NULL,
  strategy   TEXT NOT NULL,
  sticky_by  TEXT NOT NULL,
  members    TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (team_id, id)
) {{clustered}};
CREATE UNIQUE INDEX pools_name ON pools (team_id, lower(name));
CREATE INDEX pools_id ON pools (id);

-- The route of mail that waits for a pool; empty: for an account. In queue it is
-- where the row goes back to when an attempt has not left.
ALTER TABLE queue ADD COLUMN pooled {{id}} NOT NULL DEFAULT '';
ALTER TABLE messages ADD COLUMN pooled {{id}} NOT NULL DEFAULT '';

-- The circuit breaker: until when the account rests because its server gives
-- trouble, and how often in a row it has been found so.
ALTER TABLE accounts ADD COLUMN resting_until BIGINT NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN rests BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE accounts DROP COLUMN rests;
ALTER TABLE accounts DROP COLUMN resting_until;
ALTER TABLE messages DROP COLUMN pooled;
ALTER TABLE queue DROP COLUMN pooled;
DROP TABLE pools;
