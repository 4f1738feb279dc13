-- +goose Up
-- Words in double braces, times and JSON are as in the first migration.

-- What an API key is bound to; empty, and 0, is not at all. account_id is an
-- account's or a pool's; rate and daily are recipients in a minute and in a day.
-- spent is what the key has used of the two lately, in the row itself: whoever
-- reads and raises it holds the row, and it ends with the key.
ALTER TABLE api_keys ADD COLUMN senders TEXT NOT NULL DEFAULT '[]';
ALTER TABLE api_keys ADD COLUMN networks TEXT NOT NULL DEFAULT '[]';
ALTER TABLE api_keys ADD COLUMN account_id {{id}} NOT NULL DEFAULT '';
ALTER TABLE api_keys ADD COLUMN rate BIGINT NOT NULL DEFAULT 0;
ALTER TABLE api_keys ADD COLUMN daily BIGINT NOT NULL DEFAULT 0;
ALTER TABLE api_keys ADD COLUMN rewrite_from BIGINT NOT NULL DEFAULT 0;
ALTER TABLE api_keys ADD COLUMN spent TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE api_keys DROP COLUMN spent;
ALTER TABLE api_keys DROP COLUMN rewrite_from;
ALTER TABLE api_keys DROP COLUMN daily;
ALTER TABLE api_keys DROP COLUMN rate;
ALTER TABLE api_keys DROP COLUMN account_id;
ALTER TABLE api_keys DROP COLUMN networks;
ALTER TABLE api_keys DROP COLUMN senders;
