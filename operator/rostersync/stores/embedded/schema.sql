-- name: roster_table
-- One table of the roster: every record once per source. No primary key: DuckDB's index would have to fit in memory and
-- slows bulk writes many times; apply checks the uniqueness of what it writes instead.
-- revision and changed_at (UTC) are those of the record's last change.
CREATE TABLE store.{table} (
  district VARCHAR NOT NULL,
  source VARCHAR NOT NULL,
  id VARCHAR NOT NULL,
  entity VARCHAR NOT NULL,
  status VARCHAR NOT NULL CHECK (status IN ('active', 'tobedeleted')),
  hash UHUGEINT NOT NULL,
  {columns},
  revision BIGINT NOT NULL,
  changed_at TIMESTAMP NOT NULL
)

-- name: revisions
-- What was ever applied, by which run and plan, and who approved it. It outlives every object in the cluster.
CREATE TABLE store.revisions (
  district VARCHAR NOT NULL,
  revision BIGINT NOT NULL,
  source VARCHAR NOT NULL,
  run VARCHAR NOT NULL,
  digest VARCHAR NOT NULL,
  decided_by VARCHAR,
  approval_uid VARCHAR,
  approver_reason VARCHAR,
  four_eyes_enforced BOOLEAN,
  applied_at TIMESTAMP NOT NULL,
  counts VARCHAR NOT NULL,
  config_hash VARCHAR NOT NULL,
  PRIMARY KEY (district, revision)
)

-- name: sources
-- What a source's last applied plan was made with (SourceMemory as JSON).
CREATE TABLE store.sources (
  district VARCHAR NOT NULL,
  source VARCHAR NOT NULL,
  memory VARCHAR NOT NULL,
  PRIMARY KEY (district, source)
)

-- name: schools
-- SIS schools that were ever imported, and the school of the store that each went to; their attributes are first-import
-- only. revision is that of the first import.
CREATE TABLE store.schools (
  district VARCHAR NOT NULL,
  source VARCHAR NOT NULL,
  sis_id VARCHAR NOT NULL,
  target_id VARCHAR NOT NULL,
  revision BIGINT NOT NULL,
  PRIMARY KEY (district, source, sis_id)
)

-- name: history
-- Every change of every record. before and after are JSON objects of the attributes that changed (of the whole record
-- for a Delete; neither for a Create, whose values the record itself holds).
CREATE TABLE store.history (
  district VARCHAR NOT NULL,
  source VARCHAR NOT NULL,
  revision BIGINT NOT NULL,
  entity VARCHAR NOT NULL,
  id VARCHAR NOT NULL,
  change VARCHAR NOT NULL,
  cause VARCHAR NOT NULL,
  before VARCHAR,
  after VARCHAR,
  applied_at TIMESTAMP NOT NULL
)

-- name: aliases
-- Which record of the roster a source's record is in, where several sources have it and that is not its own id.
CREATE TABLE store.aliases (
  district VARCHAR NOT NULL,
  source VARCHAR NOT NULL,
  id VARCHAR NOT NULL,
  record_id VARCHAR NOT NULL
)

-- name: outbox
-- Revisions that are still to be delivered. A row is deleted when that is done.
CREATE TABLE store.outbox (
  district VARCHAR NOT NULL,
  revision BIGINT NOT NULL,
  delivery VARCHAR NOT NULL,
  state VARCHAR NOT NULL
)

-- name: sent
-- What was delivered, as a record for people. files is JSON: name, bytes, sha256. sent_at is UTC.
CREATE TABLE IF NOT EXISTS store.sent (
  district VARCHAR NOT NULL,
  delivery VARCHAR NOT NULL,
  revision BIGINT NOT NULL,
  place VARCHAR NOT NULL,
  sent_at TIMESTAMP NOT NULL,
  files VARCHAR NOT NULL,
  config_hash VARCHAR NOT NULL
)

-- name: aliases_tbl
-- Of which table: classes and people of one source may have the same id.
ALTER TABLE store.aliases ADD COLUMN IF NOT EXISTS tbl VARCHAR DEFAULT ''

-- name: owners
-- Whose value stands of an attribute that is not overridden, where several sources have the record.
CREATE TABLE IF NOT EXISTS store.owners (
  district VARCHAR NOT NULL,
  tbl VARCHAR NOT NULL,
  id VARCHAR NOT NULL,
  attribute VARCHAR NOT NULL,
  source VARCHAR NOT NULL
)

-- name: has
SELECT 1 FROM duckdb_tables() WHERE database_name = 'store' AND table_name = $table

-- name: meta
-- Facts about the file itself: format.
CREATE TABLE store.meta (key VARCHAR PRIMARY KEY, value VARCHAR NOT NULL)

-- name: set_format
INSERT INTO store.meta VALUES ('format', $format)

-- name: format
SELECT value FROM store.meta WHERE key = 'format'
