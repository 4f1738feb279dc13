-- +goose Up
-- Words in double braces, times and JSON are as in the first migration.

-- When a token was last made with the refresh token in a credential, by the clock that
-- nodes agree on; 0: not since the secret was stored. It ends when it is not used for long.
ALTER TABLE credentials ADD COLUMN used_at BIGINT NOT NULL DEFAULT 0;
UPDATE credentials SET used_at = COALESCE((SELECT MAX(t.fetched_at) FROM live_tokens t
  WHERE t.team_id = credentials.team_id AND t.credential_id = credentials.id AND t.version = credentials.updated_at), 0);

-- Which warning was told last of something that ends: kind is what ends of a credential
-- or an account (subject), ends_at when, days how long ahead it was told; 0: over.
CREATE TABLE warnings (
  team_id {{id}} NOT NULL,
  subject {{id}} NOT NULL,
  kind    {{id}} NOT NULL,
  ends_at BIGINT NOT NULL,
  days    BIGINT NOT NULL,
  told_at BIGINT NOT NULL,
  PRIMARY KEY (team_id, subject, kind)
) {{clustered}};

-- +goose Down
DROP TABLE warnings;
ALTER TABLE credentials DROP COLUMN used_at;
