-- +goose Up
-- Live access tokens, which all nodes of a database share. Times are by the clock
-- that nodes agree on (store.clock). sealed is empty while there is no token;
-- failure tells why none could be had, until paused_until. holder is the one who
-- is asking for a new one, until leased_until. revision counts what was stored.
CREATE TABLE live_tokens (
  team_id       {{id}} NOT NULL,
  credential_id {{id}} NOT NULL,
  subject       {{id}} NOT NULL,
  scopes        {{id}} NOT NULL,
  revision      BIGINT NOT NULL,
  version       BIGINT NOT NULL,
  sealed        {{bytes}} NOT NULL,
  fetched_at    BIGINT NOT NULL,
  refresh_at    BIGINT NOT NULL,
  expires_at    BIGINT NOT NULL,
  failure       TEXT NOT NULL,
  paused_until  BIGINT NOT NULL,
  holder        {{id}} NOT NULL,
  leased_until  BIGINT NOT NULL,
  PRIMARY KEY (team_id, credential_id, subject, scopes)
) {{clustered}};
CREATE INDEX live_tokens_credential ON live_tokens (credential_id);
