-- +goose Up
-- Words in double braces, times and JSON are as in the first migration.

-- Who signs in where the mailbox is one that is shared with them; empty: its own user.
ALTER TABLE consents ADD COLUMN shared_with TEXT NOT NULL DEFAULT '';
-- A consent by device code (RFC 8628): how long to wait between two questions what
-- became of it, 0 for consents that a browser brings back; and when the next may be.
ALTER TABLE consents ADD COLUMN poll_every BIGINT NOT NULL DEFAULT 0;
ALTER TABLE consents ADD COLUMN poll_at BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE consents DROP COLUMN poll_at;
ALTER TABLE consents DROP COLUMN poll_every;
ALTER TABLE consents DROP COLUMN shared_with;
