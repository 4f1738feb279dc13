-- +goose Up
-- Words in double braces, times and JSON are as in the first migration.

-- Limits that are lower than what is known of the provider, because an answer said
-- that one is reached: max is the lower figure, had what held when the account was
-- told so, account_id which one. It rises again between learned_at and until_at.
CREATE TABLE learned (
  key        {{id}} NOT NULL PRIMARY KEY,
  max        BIGINT NOT NULL,
  had        BIGINT NOT NULL,
  learned_at BIGINT NOT NULL,
  until_at   BIGINT NOT NULL,
  cause      TEXT NOT NULL,
  account_id {{id}} NOT NULL
) {{clustered}};

-- +goose Down
DROP TABLE learned;
