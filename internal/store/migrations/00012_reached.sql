-- +goose Up
-- Words in double braces, times and JSON are as in the first migration.

-- Whom an account has reached, for limits of different recipients: a hash of each
-- address, with the slot of the last time.
CREATE TABLE reached (
  key  {{id}} NOT NULL,
  hash {{id}} NOT NULL,
  slot BIGINT NOT NULL,
  PRIMARY KEY (key, hash)
) {{clustered}};

-- +goose Down
DROP TABLE reached;
