-- +goose Up
-- Words in double braces, times and JSON are as in the first migration.

-- What has been used of each limit, by slots of time: a rolling window is the sum
-- of those that lie in it. The slot -1 is what attempts under way may use yet.
CREATE TABLE usage (
  key  {{id}} NOT NULL,
  slot BIGINT NOT NULL,
  used BIGINT NOT NULL,
  PRIMARY KEY (key, slot)
) {{clustered}};

-- What the attempt under way was counted as, by limit: JSON.
ALTER TABLE queue ADD COLUMN charged TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE queue DROP COLUMN charged;
DROP TABLE usage;
