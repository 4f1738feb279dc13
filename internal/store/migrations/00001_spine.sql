-- +goose Up
-- Words in double braces are filled in per database (dialect.go): {{id}} text
-- compared byte by byte, {{bytes}} binary, {{clustered}} rows stored in key order.
-- Times are Unix milliseconds; 0 means never. JSON is text.

CREATE TABLE settings (
  name  {{id}} NOT NULL PRIMARY KEY,
  value {{bytes}} NOT NULL
) {{clustered}};

CREATE TABLE teams (
  id         {{id}} NOT NULL PRIMARY KEY,
  name       TEXT NOT NULL,
  created_at BIGINT NOT NULL
) {{clustered}};

CREATE TABLE data_keys (
  team_id       {{id}} NOT NULL PRIMARY KEY,
  wrapped       {{bytes}} NOT NULL,
  master_key_id TEXT NOT NULL,
  created_at    BIGINT NOT NULL
) {{clustered}};

CREATE TABLE credentials (
  team_id    {{id}} NOT NULL,
  id         {{id}} NOT NULL,
  kind       TEXT NOT NULL,
  name       TEXT NOT NULL,
  public     TEXT NOT NULL,
  sealed     {{bytes}} NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (team_id, id)
) {{clustered}};

CREATE TABLE accounts (
  team_id       {{id}} NOT NULL,
  id            {{id}} NOT NULL,
  address       {{id}} NOT NULL,
  transport     TEXT NOT NULL,
  credential_id {{id}} NOT NULL,
  senders       TEXT NOT NULL,
  config        TEXT NOT NULL,
  held          BIGINT NOT NULL,
  parked_until  BIGINT NOT NULL,
  released_at   BIGINT NOT NULL,
  cause         TEXT NOT NULL,
  reason        TEXT NOT NULL,
  created_at    BIGINT NOT NULL,
  updated_at    BIGINT NOT NULL,
  PRIMARY KEY (team_id, id)
) {{clustered}};

CREATE TABLE api_keys (
  team_id    {{id}} NOT NULL,
  id         {{id}} NOT NULL,
  name       TEXT NOT NULL,
  hash       {{bytes}} NOT NULL UNIQUE,
  hint       TEXT NOT NULL,
  scopes     TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (team_id, id)
);

-- A node raises its epoch each time it starts. Its heartbeat, by the time of the
-- database, tells whether what it claimed may still be under way.
CREATE TABLE nodes (
  id           {{id}} NOT NULL PRIMARY KEY,
  epoch        BIGINT NOT NULL,
  started_at   BIGINT NOT NULL,
  heartbeat_at BIGINT NOT NULL
) {{clustered}};

CREATE TABLE messages (
  team_id    {{id}} NOT NULL,
  id         {{id}} NOT NULL,
  account_id {{id}} NOT NULL,
  type       TEXT NOT NULL,
  on_unknown TEXT NOT NULL,
  mail_from  TEXT NOT NULL,
  sender     TEXT NOT NULL,
  subject    TEXT NOT NULL,
  message_id TEXT NOT NULL,
  tags       TEXT NOT NULL,
  metadata   TEXT NOT NULL,
  size       BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  blob       {{id}} NOT NULL,
  content    {{bytes}},
  PRIMARY KEY (team_id, id)
);
CREATE INDEX messages_blob ON messages (blob) WHERE blob <> '';

-- Deleting a row here shreds the content, wherever copies of it lie.
CREATE TABLE content_keys (
  team_id    {{id}} NOT NULL,
  message_id {{id}} NOT NULL,
  wrapped    {{bytes}} NOT NULL,
  PRIMARY KEY (team_id, message_id)
) {{clustered}};

-- state is empty while there is no verdict: the recipient is then where the row
-- of its message in queue is.
CREATE TABLE recipients (
  team_id    {{id}} NOT NULL,
  message_id {{id}} NOT NULL,
  n          BIGINT NOT NULL,
  address    TEXT NOT NULL,
  role       TEXT NOT NULL,
  state      TEXT NOT NULL,
  cause      TEXT NOT NULL,
  reply      TEXT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (team_id, message_id, n)
) {{clustered}};

CREATE TABLE idempotency (
  team_id     {{id}} NOT NULL,
  key         {{id}} NOT NULL,
  fingerprint {{bytes}} NOT NULL,
  message_id  {{id}} NOT NULL,
  created_at  BIGINT NOT NULL,
  PRIMARY KEY (team_id, key)
) {{clustered}};

-- subject is the id of the message or account that the event is about.
CREATE TABLE events (
  team_id {{id}} NOT NULL,
  subject {{id}} NOT NULL,
  seq     BIGINT NOT NULL,
  id      {{id}} NOT NULL,
  kind    TEXT NOT NULL,
  at      BIGINT NOT NULL,
  data    TEXT NOT NULL,
  PRIMARY KEY (team_id, subject, seq)
) {{clustered}};

-- What waits. Rows leave when every recipient has a verdict.
CREATE TABLE queue (
  message_id {{id}} NOT NULL PRIMARY KEY,
  team_id    {{id}} NOT NULL,
  route      {{id}} NOT NULL,
  lane       BIGINT NOT NULL,
  state      TEXT NOT NULL,
  due_at     BIGINT NOT NULL,
  attempt    BIGINT NOT NULL,
  fence      BIGINT NOT NULL,
  node       {{id}} NOT NULL,
  epoch      BIGINT NOT NULL,
  started_at BIGINT NOT NULL,
  unknown_at BIGINT NOT NULL,
  retries    BIGINT NOT NULL,
  retry_ms   BIGINT NOT NULL,
  unsettled  BIGINT NOT NULL,
  seq        BIGINT NOT NULL,
  duplicate  BIGINT NOT NULL,
  on_unknown TEXT NOT NULL,
  cause      TEXT NOT NULL
) {{clustered}};
CREATE INDEX queue_due ON queue (route, state, lane, due_at);
CREATE INDEX queue_claims ON queue (node, epoch) WHERE state = 'sending';

-- The provider's own ids of what it took, so that a look in Sent can skip them.
CREATE TABLE copies (
  account_id  {{id}} NOT NULL,
  provider_id {{id}} NOT NULL,
  message_id  {{id}} NOT NULL,
  PRIMARY KEY (account_id, provider_id)
) {{clustered}};

-- Changes of the number of recipients per state, appended with each group of
-- commits and folded into totals later, so that no row is hot.
CREATE TABLE changes (
  id      {{serial}},
  team_id {{id}} NOT NULL,
  state   TEXT NOT NULL,
  n       BIGINT NOT NULL
);
CREATE TABLE totals (
  team_id {{id}} NOT NULL,
  state   TEXT NOT NULL,
  n       BIGINT NOT NULL,
  PRIMARY KEY (team_id, state)
) {{clustered}};
