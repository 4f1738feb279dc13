-- +goose Up
-- Words in double braces, times and JSON are as in the first migration.

-- Who is told what became of a message that came by SMTP, and what of it (JSON); empty:
-- nobody.
ALTER TABLE messages ADD COLUMN report TEXT NOT NULL DEFAULT '';

-- Messages of which something is to be told, and the recipients of which it was (JSON). A
-- row comes with the verdict that is to be told.
CREATE TABLE reports (
  team_id    {{id}} NOT NULL,
  message_id {{id}} NOT NULL,
  due_at     BIGINT NOT NULL,
  told       TEXT NOT NULL,
  PRIMARY KEY (team_id, message_id)
) {{clustered}};
CREATE INDEX reports_due ON reports (due_at);

-- +goose Down
DROP TABLE reports;
ALTER TABLE messages DROP COLUMN report;
