-- name: source
-- Of the records that come without theirs.
SET VARIABLE postgres_source = $source

-- name: roster_view
CREATE OR REPLACE TEMP VIEW store_{table} AS
SELECT id, entity, status, CAST(hash AS UHUGEINT) AS hash, {columns}, {source} FROM read_parquet({path})

-- name: packed_view
-- The one file has active records of the one entity, the other what was deleted.
CREATE OR REPLACE TEMP VIEW store_{table} AS
SELECT id, '{entity}' AS entity, 'active' AS status, CAST(hash AS UHUGEINT) AS hash, {columns},
       getvariable('postgres_source') AS source
FROM read_parquet({path})
UNION ALL
SELECT id, entity, status, CAST(hash AS UHUGEINT) AS hash, {columns}, getvariable('postgres_source') AS source
FROM read_parquet({removed})

-- name: roster_view_empty
CREATE OR REPLACE TEMP VIEW store_{table} AS
SELECT CAST(NULL AS VARCHAR) AS id, CAST(NULL AS VARCHAR) AS entity, CAST(NULL AS VARCHAR) AS status,
       CAST(NULL AS UHUGEINT) AS hash, {columns}, CAST(NULL AS VARCHAR) AS source
WHERE false

-- name: small_table
CREATE OR REPLACE TEMP TABLE postgres_{name} AS SELECT * FROM postgres_stream

-- name: schools_view
CREATE OR REPLACE TEMP VIEW store_schools AS SELECT sis_id, target_id FROM postgres_schools

-- name: schools_view_empty
CREATE OR REPLACE TEMP VIEW store_schools AS
SELECT CAST(NULL AS VARCHAR) AS sis_id, CAST(NULL AS VARCHAR) AS target_id WHERE false

-- name: history_view
-- postgres_history asks the server when it is read for the first time.
CREATE OR REPLACE TEMP VIEW store_history AS SELECT * FROM postgres_history

-- name: history_view_empty
CREATE OR REPLACE TEMP VIEW store_history AS
SELECT CAST(NULL AS BIGINT) AS revision, CAST(NULL AS VARCHAR) AS entity, CAST(NULL AS VARCHAR) AS id,
       CAST(NULL AS VARCHAR) AS change, CAST(NULL AS VARCHAR) AS cause, CAST(NULL AS VARCHAR) AS before,
       CAST(NULL AS VARCHAR) AS after, CAST(NULL AS TIMESTAMP) AS applied_at,
       CAST(NULL AS VARCHAR) AS source
WHERE false

-- name: drop_view
DROP VIEW IF EXISTS temp.store_{table}

-- name: drop_table
DROP TABLE IF EXISTS temp.postgres_{name}

-- name: attached
SELECT 1 FROM duckdb_tables() WHERE table_name = 'postgres_revisions' AND temporary

-- name: applied_since
SELECT revision, applied_at, counts FROM postgres_revisions
WHERE district = $district AND source = $source AND applied_at > $since ORDER BY revision

-- name: revisions
SELECT revision, source, run, digest, config_hash, applied_at, counts, decided_by, approval_uid, approver_reason,
       four_eyes_enforced
FROM postgres_revisions
WHERE district = $district AND ($run IS NULL OR run = $run) AND ($number IS NULL OR revision = $number)
ORDER BY revision

-- name: outbox
SELECT delivery, revision FROM postgres_outbox WHERE district = $district ORDER BY delivery, revision

-- name: sent
SELECT delivery, revision, place, sent_at, files, config_hash FROM postgres_sent
WHERE district = $district
QUALIFY $limit IS NULL OR row_number() OVER (PARTITION BY delivery ORDER BY sent_at DESC, revision DESC) <= $limit
ORDER BY delivery, sent_at DESC, revision DESC

-- name: others_view
CREATE OR REPLACE TEMP VIEW others_{table} AS
SELECT source, id, entity, {columns} FROM read_parquet({path}) WHERE source <> '*' AND status = 'active'

-- name: kept_roster_view
-- The roster as it is: records and tombstones of the one source that has made it so far, or of all together.
CREATE OR REPLACE TEMP VIEW roster_{table} AS
SELECT id, entity, status, CAST(hash AS UHUGEINT) AS hash, {columns} FROM read_parquet({path})
WHERE source = getvariable('roster_source')

-- name: roster_source
SET VARIABLE roster_source = $source

-- name: links_view
CREATE OR REPLACE TEMP VIEW store_links AS FROM postgres_aliases

-- name: owners_view
CREATE OR REPLACE TEMP VIEW store_owners AS FROM postgres_owners

-- name: drop_more
DROP VIEW IF EXISTS temp.{view}
