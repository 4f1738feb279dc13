-- +goose Up
-- Words in double braces, times and JSON are as in the first migration.

-- What a person has paused: an account (empty: every one of the team) and a lane
-- (-1: every one). Its mail is kept and is not claimed.
CREATE TABLE pauses (
  team_id    {{id}} NOT NULL,
  account_id {{id}} NOT NULL,
  lane       BIGINT NOT NULL,
  reason     TEXT NOT NULL,
  key_id     {{id}} NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (team_id, account_id, lane)
) {{clustered}};

-- +goose Down
DROP TABLE pauses;
