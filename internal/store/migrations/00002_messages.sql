-- +goose Up
-- lane, send_at and expires_at are what the submission asked for (queue has them
-- as well, for as long as something waits). thread_id is the provider's.
ALTER TABLE messages ADD COLUMN lane BIGINT NOT NULL DEFAULT 1;
ALTER TABLE messages ADD COLUMN send_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN expires_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN thread_id TEXT NOT NULL DEFAULT '';
ALTER TABLE messages ADD COLUMN shredded_at BIGINT NOT NULL DEFAULT 0;

-- When to look whether the content is to be shredded; then it may turn out to be
-- due later. Contents from before this column are looked at once.
ALTER TABLE content_keys ADD COLUMN shred_at BIGINT NOT NULL DEFAULT 1;
CREATE INDEX content_keys_shred ON content_keys (shred_at);

-- shred says that the content goes with this row.
ALTER TABLE queue ADD COLUMN expires_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE queue ADD COLUMN shred BIGINT NOT NULL DEFAULT 0;
CREATE INDEX queue_expires ON queue (expires_at) WHERE expires_at > 0;
CREATE INDEX queue_rare ON queue (team_id, state, message_id) WHERE state IN ('scheduled', 'unknown', 'held');

-- Messages of which a recipient ended otherwise than accepted, to list them by.
CREATE TABLE endings (
  team_id    {{id}} NOT NULL,
  state      TEXT NOT NULL,
  message_id {{id}} NOT NULL,
  PRIMARY KEY (team_id, state, message_id)
) {{clustered}};
INSERT INTO endings (team_id, state, message_id)
  SELECT DISTINCT team_id, state, message_id FROM recipients WHERE state NOT IN ('', 'accepted');

CREATE INDEX recipients_address ON recipients (team_id, lower(address), message_id);

-- Files that messages attach by id. Messages have copies.
CREATE TABLE uploads (
  team_id      {{id}} NOT NULL,
  id           {{id}} NOT NULL,
  filename     TEXT NOT NULL,
  content_type TEXT NOT NULL,
  size         BIGINT NOT NULL,
  created_at   BIGINT NOT NULL,
  expires_at   BIGINT NOT NULL,
  blob         {{id}} NOT NULL,
  wrapped      {{bytes}} NOT NULL,
  content      {{bytes}},
  PRIMARY KEY (team_id, id)
);
CREATE INDEX uploads_blob ON uploads (blob) WHERE blob <> '';
CREATE INDEX uploads_expires ON uploads (expires_at);
