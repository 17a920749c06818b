-- name: person
-- Whether the id is a person here, and an active one.
SELECT coalesce(bool_or(status = 'active'), false) FROM (
  SELECT status FROM users WHERE district = current_setting('rostersync.district') AND id = $1
  UNION ALL
  SELECT status FROM demographics WHERE district = current_setting('rostersync.district') AND id = $1
) AS found

-- name: set_memory
UPDATE sources SET memory = $2 WHERE district = current_setting('rostersync.district') AND source = $1

-- name: delete_person
WITH gone AS (
  DELETE FROM "{table}" WHERE district = current_setting('rostersync.district') AND id = $1 RETURNING 1
)
SELECT count(*) FROM gone

-- name: forgotten_enrollments
-- Ids of the person's enrolments, kept for the history below.
CREATE TEMP TABLE forgotten ON COMMIT DROP AS
SELECT id FROM enrollments
WHERE district = current_setting('rostersync.district') AND "userSourcedId" = current_setting('rostersync.person')

-- name: drop_forgotten
DROP TABLE forgotten

-- name: delete_enrollments
-- Without the person they would refer to nothing, and they tell where somebody was at which time.
WITH gone AS (
  DELETE FROM enrollments WHERE district = current_setting('rostersync.district') AND "userSourcedId" = $1 RETURNING 1
)
SELECT count(*) FROM gone

-- name: cut_references
-- Others who name the person as their agent. Their hash stays that of what the source sent, so that the next run sees for
-- itself whether it still sends the reference.
WITH cut AS (
  UPDATE users SET "agentSourcedIds" = nullif(array_remove("agentSourcedIds", $1), '{}')
  WHERE district = current_setting('rostersync.district') AND $1 = ANY ("agentSourcedIds") RETURNING 1
)
SELECT count(*) FROM cut

-- name: delete_history
WITH gone AS (
  DELETE FROM history
  WHERE district = current_setting('rostersync.district')
    AND entity IN ('Student', 'Teacher', 'Contact', 'Admin', 'Demographics') AND id = $1 RETURNING 1
)
SELECT count(*) FROM gone

-- name: delete_enrollment_history
-- Those of today's enrolments, and of former ones whose values name the person.
WITH gone AS (
  DELETE FROM history
  WHERE district = current_setting('rostersync.district') AND entity = 'Enrollment'
    AND (id IN (SELECT id FROM forgotten) OR before->>'userSourcedId' = $1 OR after->>'userSourcedId' = $1) RETURNING 1
)
SELECT count(*) FROM gone

-- name: cut_history_references
-- Values of others that name the person as their agent: the reference goes, the rest of the values stays.
WITH cut AS (
  UPDATE history SET
    before = CASE WHEN before->'agentSourcedIds' IS NULL OR json_typeof(before->'agentSourcedIds') <> 'array' THEN before
      ELSE jsonb_set(before::jsonb, '{agentSourcedIds}', (before::jsonb->'agentSourcedIds') - $1)::json END,
    after = CASE WHEN after->'agentSourcedIds' IS NULL OR json_typeof(after->'agentSourcedIds') <> 'array' THEN after
      ELSE jsonb_set(after::jsonb, '{agentSourcedIds}', (after::jsonb->'agentSourcedIds') - $1)::json END
  WHERE district = current_setting('rostersync.district') AND entity IN ('Student', 'Teacher', 'Contact', 'Admin')
    AND ((before IS NOT NULL AND before::jsonb->'agentSourcedIds' ? $1) OR (after IS NOT NULL AND after::jsonb->'agentSourcedIds' ? $1))
  RETURNING 1
)
SELECT count(*) FROM cut

-- name: forget_receivers
-- No later delta would tell receivers that the person is gone. So none of them counts as having anything.
UPDATE sent SET config_hash = '' WHERE district = current_setting('rostersync.district')

-- name: vacuum
-- Writes the table anew, so that the bytes of what was deleted are gone from its files.
VACUUM (FULL) "{table}"

-- name: switch_log
SELECT pg_switch_wal()::text

-- name: log_is_recycled
SELECT current_setting('wal_recycle')::boolean

-- name: checkpoint
CHECKPOINT

-- name: expire_values
-- It stays known what changed and when. Only the values are removed.
WITH emptied AS (
  UPDATE history SET before = NULL, after = NULL
  WHERE district = current_setting('rostersync.district') AND applied_at < current_setting('rostersync.before')::timestamptz
    AND (before IS NOT NULL OR after IS NOT NULL) RETURNING 1
)
SELECT count(*) FROM emptied

-- name: expire_tombstones
WITH gone AS (
  DELETE FROM "{table}"
  WHERE district = current_setting('rostersync.district') AND status = 'tobedeleted'
    AND changed_at < current_setting('rostersync.before')::timestamptz RETURNING 1
)
SELECT count(*) FROM gone

-- name: expire_sent
-- The newest of each delivery says what its receiver has.
WITH gone AS (
  DELETE FROM sent AS old
  WHERE district = current_setting('rostersync.district') AND sent_at < current_setting('rostersync.before')::timestamptz
    AND EXISTS (
      SELECT FROM sent AS newer
      WHERE newer.district = old.district AND newer.delivery = old.delivery AND newer.config_hash = old.config_hash
        AND newer.revision > old.revision
    )
  RETURNING 1
)
SELECT count(*) FROM gone
