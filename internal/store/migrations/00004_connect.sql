-- +goose Up
-- Words in double braces, times and JSON are as in the first migration.

-- A link by which somebody without a login connects one mailbox. Of its token
-- only the SHA-256 is kept.
CREATE TABLE connect_links (
  team_id       {{id}} NOT NULL,
  id            {{id}} NOT NULL,
  token_hash    {{bytes}} NOT NULL UNIQUE,
  credential_id {{id}} NOT NULL,
  asked_by      TEXT NOT NULL,
  address       TEXT NOT NULL,
  transport     TEXT NOT NULL,
  purposes      TEXT NOT NULL,
  senders       TEXT NOT NULL,
  status        TEXT NOT NULL,
  account_id    {{id}} NOT NULL,
  problem       TEXT NOT NULL,
  created_at    BIGINT NOT NULL,
  expires_at    BIGINT NOT NULL,
  PRIMARY KEY (team_id, id)
);

-- A consent that was started and waits for the browser to come back. Of its state
-- and of the browser's session only SHA-256s are kept; sealed holds what the
-- exchange of the code needs (RFC 7636, OpenID Connect nonce).
CREATE TABLE consents (
  team_id       {{id}} NOT NULL,
  id            {{id}} NOT NULL,
  state_hash    {{bytes}} NOT NULL UNIQUE,
  session_hash  {{bytes}} NOT NULL,
  link_id       {{id}} NOT NULL,
  credential_id {{id}} NOT NULL,
  redirect      TEXT NOT NULL,
  address       TEXT NOT NULL,
  transport     TEXT NOT NULL,
  purposes      TEXT NOT NULL,
  senders       TEXT NOT NULL,
  sealed        {{bytes}} NOT NULL,
  created_at    BIGINT NOT NULL,
  expires_at    BIGINT NOT NULL,
  used_at       BIGINT NOT NULL,
  PRIMARY KEY (team_id, id)
);
CREATE INDEX consents_session ON consents (session_hash, created_at);
CREATE INDEX consents_expires ON consents (expires_at);

-- +goose Down
DROP TABLE consents;
DROP TABLE connect_links;
