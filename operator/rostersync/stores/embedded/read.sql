-- name: scope
-- The views below are bound to one district and source by variables, as views take no parameters.
SET VARIABLE store_district = $district

-- name: scope_source
-- NULL: all sources of the district.
SET VARIABLE store_source = $source

-- name: roster_view
CREATE OR REPLACE TEMP VIEW store_{table} AS
SELECT id, entity, status, hash, {columns}, source
FROM store.{table}
WHERE district = getvariable('store_district')
  AND (getvariable('store_source') IS NULL OR source = getvariable('store_source'))

-- name: roster_view_empty
-- No file yet: the same columns and no rows.
CREATE OR REPLACE TEMP VIEW store_{table} AS
SELECT CAST(NULL AS VARCHAR) AS id, CAST(NULL AS VARCHAR) AS entity, CAST(NULL AS VARCHAR) AS status,
       CAST(NULL AS UHUGEINT) AS hash, {columns}, CAST(NULL AS VARCHAR) AS source
WHERE false

-- name: schools_view
CREATE OR REPLACE TEMP VIEW store_schools AS
SELECT sis_id, target_id FROM store.schools
WHERE district = getvariable('store_district')
  AND (getvariable('store_source') IS NULL OR source = getvariable('store_source'))

-- name: schools_view_empty
CREATE OR REPLACE TEMP VIEW store_schools AS
SELECT CAST(NULL AS VARCHAR) AS sis_id, CAST(NULL AS VARCHAR) AS target_id WHERE false

-- name: history_view
CREATE OR REPLACE TEMP VIEW store_history AS
SELECT revision, entity, id, change, cause, before, after, applied_at, source FROM store.history
WHERE district = getvariable('store_district')
  AND (getvariable('store_source') IS NULL OR source = getvariable('store_source'))

-- name: history_view_empty
CREATE OR REPLACE TEMP VIEW store_history AS
SELECT CAST(NULL AS BIGINT) AS revision, CAST(NULL AS VARCHAR) AS entity, CAST(NULL AS VARCHAR) AS id,
       CAST(NULL AS VARCHAR) AS change, CAST(NULL AS VARCHAR) AS cause, CAST(NULL AS VARCHAR) AS before,
       CAST(NULL AS VARCHAR) AS after, CAST(NULL AS TIMESTAMP) AS applied_at,
       CAST(NULL AS VARCHAR) AS source
WHERE false

-- name: drop_view
DROP VIEW IF EXISTS temp.store_{table}

-- name: revision
-- The district's revision: 0 before its first apply.
SELECT coalesce(max(revision), 0) FROM store.revisions WHERE district = $district

-- name: attached
SELECT 1 FROM duckdb_databases() WHERE database_name = 'store'

-- name: applied_since
-- Retention leaves this alone, since a revision keeps its counts for ever.
SELECT revision, applied_at, counts FROM store.revisions
WHERE district = $district AND source = $source AND applied_at > $since
ORDER BY revision

-- name: revisions
SELECT revision, source, run, digest, config_hash, applied_at, counts, decided_by, approval_uid, approver_reason,
       four_eyes_enforced
FROM store.revisions
WHERE district = $district AND ($run IS NULL OR run = $run) AND ($number IS NULL OR revision = $number)
ORDER BY revision

-- name: memories
-- Sources that ever applied, with what is remembered of each. has_records finds out whether one still has active records.
SELECT source, memory FROM store.sources WHERE district = $district AND source <> '*' ORDER BY source

-- name: has_records
SELECT EXISTS (FROM store.{table} WHERE district = $district AND source = $source AND status = 'active')

-- name: outbox_pending
SELECT EXISTS (FROM store.outbox WHERE district = $district)

-- name: outbox
SELECT delivery, revision FROM store.outbox WHERE district = $district ORDER BY delivery, revision

-- name: sent
SELECT delivery, revision, place, sent_at, files, config_hash FROM store.sent
WHERE district = $district
QUALIFY $limit IS NULL OR row_number() OVER (PARTITION BY delivery ORDER BY sent_at DESC, revision DESC) <= $limit
ORDER BY delivery, sent_at DESC, revision DESC

-- name: districts
SELECT DISTINCT district FROM store.revisions ORDER BY district

-- name: applied
-- The revision that a plan made: the digest stands for district and source, too.
SELECT revision FROM store.revisions WHERE run = $run AND digest = $digest AND revision = $base + 1
