-- +goose Up
-- Words in double braces, times and JSON are as in the first migration.

-- The draft at the provider from which an attempt sends, where an account has one
-- made first. The row is there before the draft is sent, and stays until the
-- message waits for nothing any more and the draft is known to be gone. attempt is
-- the last one that sent, or was about to send, from it: another one may have gone
-- without. gone says that a look did not find the draft any more. A row with the
-- account's id in place of a message's says that drafts may be there without a row; its
-- attempt counts how often that was noted.
CREATE TABLE drafts (
  message_id {{id}} NOT NULL PRIMARY KEY,
  team_id    {{id}} NOT NULL,
  account_id {{id}} NOT NULL,
  draft_id   {{id}} NOT NULL,
  attempt    BIGINT NOT NULL,
  gone       BIGINT NOT NULL
) {{clustered}};
CREATE INDEX drafts_account ON drafts (account_id, draft_id);

-- +goose Down
DROP TABLE drafts;
