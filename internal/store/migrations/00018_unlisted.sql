-- +goose Up
-- Words in double braces, times and JSON are as in the first migration.

-- Answers of providers that no row of the catalogue knows. words are the answer without
-- what differs from case to case; sample is one as it came, without addresses and ids.
CREATE TABLE unlisted (
  team_id  {{id}} NOT NULL,
  provider {{id}} NOT NULL,
  stage    {{id}} NOT NULL,
  code     BIGINT NOT NULL,
  words    {{id}} NOT NULL,
  sample   TEXT   NOT NULL,
  times    BIGINT NOT NULL,
  first_at BIGINT NOT NULL,
  last_at  BIGINT NOT NULL,
  PRIMARY KEY (team_id, provider, stage, code, words)
) {{clustered}};

-- +goose Down
DROP TABLE unlisted;
