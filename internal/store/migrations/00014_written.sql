-- +goose Up
-- Words in double braces, times and JSON are as in the first migration.

-- When due_at was written, after an attempt, a look or an outcome; 0: it is the time at
-- which it was written. One in the future is of a clock that was ahead.
ALTER TABLE queue ADD COLUMN written_at BIGINT NOT NULL DEFAULT 0;
UPDATE queue SET written_at = started_at WHERE attempt > 0;

-- When an account was parked, or began to rest.
ALTER TABLE accounts ADD COLUMN waits_since BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE accounts DROP COLUMN waits_since;
ALTER TABLE queue DROP COLUMN written_at;
