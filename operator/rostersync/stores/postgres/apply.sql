-- name: applied_before
-- The same plan of the same run: its report may have been lost, the revision cannot be. A plan makes the revision after its
-- base and no other: a later run of the same name with the same changes (there and back, and there again) is another.
SELECT revision FROM revisions
WHERE district = current_setting('rostersync.district') AND source = current_setting('rostersync.source')
  AND run = $1 AND digest = $2 AND revision = $3 + 1

-- name: is_new
-- Whether this source has nothing in the table, tombstones included. In the order of the primary key, so that the first of
-- its records is looked up there, however many others the table has.
SELECT count(*) = 0 FROM (
  SELECT FROM "{table}"
  WHERE district = current_setting('rostersync.district') AND source = current_setting('rostersync.source')
  ORDER BY id LIMIT 1
) AS found

-- name: create_incoming
-- Changes on their way into the table. Temporary tables are not in the log, and go with the transaction.
CREATE TEMP TABLE incoming ON COMMIT DROP AS
SELECT ''::text AS change, hash AS before_hash, id, entity, hash, {columns} FROM "{table}" WHERE false

-- name: drop_incoming
DROP TABLE incoming

-- name: look_up_few
-- The planner has no samples of ids (migration 1), so it takes a lookup by primary key to find thousands of rows, and reads
-- the whole table for a few changes. Where there are fewer changes than the table has pages, each is looked up.
SELECT set_config('enable_hashjoin', chosen, true), set_config('enable_mergejoin', chosen, true)
FROM (
  SELECT CASE WHEN $1 < pg_relation_size('"{table}"'::regclass) / current_setting('block_size')::bigint
              THEN 'off' ELSE 'on' END AS chosen
) AS found

-- name: merge
-- Changes whose before-image is not what the store has are left out, and so missing from the number of rows that it tells: an
-- update or delete of a record that is gone or differs from what the plan saw, or a create of one that exists.
-- A deleted record keeps its last values, so that consumers see what was deleted and an id that comes back is known.
MERGE INTO "{table}" AS s USING incoming AS c
  ON s.district = current_setting('rostersync.district') AND s.source = current_setting('rostersync.source') AND s.id = c.id
WHEN MATCHED AND (s.status = 'active') = (c.change = 'Create') THEN
  DO NOTHING
WHEN MATCHED AND c.change <> 'Create' AND s.hash IS DISTINCT FROM c.before_hash THEN
  DO NOTHING
WHEN MATCHED AND c.change = 'Delete' THEN
  UPDATE SET status = 'tobedeleted', revision = current_setting('rostersync.revision')::bigint,
             changed_at = current_setting('rostersync.now')::timestamptz
WHEN MATCHED THEN
  UPDATE SET status = 'active', entity = c.entity, hash = c.hash, {assignments},
             revision = current_setting('rostersync.revision')::bigint,
             changed_at = current_setting('rostersync.now')::timestamptz
WHEN NOT MATCHED AND c.change = 'Create' THEN
  INSERT (district, source, id, entity, status, hash, {columns}, revision, changed_at)
  VALUES (current_setting('rostersync.district'), current_setting('rostersync.source'), c.id, c.entity, 'active', c.hash,
          {incoming}, current_setting('rostersync.revision')::bigint, current_setting('rostersync.now')::timestamptz)

-- name: insert_schools
-- All of the plan, as a JSON object. The target may change later (another mapping). The revision stays that of the first import.
INSERT INTO schools (district, source, sis_id, target_id, revision)
SELECT current_setting('rostersync.district'), current_setting('rostersync.source'), key, value,
       current_setting('rostersync.revision')::bigint
FROM json_each_text($1::json)
ON CONFLICT (district, source, sis_id) DO UPDATE SET target_id = excluded.target_id
WHERE schools.target_id <> excluded.target_id

-- name: insert_memory
INSERT INTO sources (district, source, memory)
VALUES (current_setting('rostersync.district'), current_setting('rostersync.source'), $1)
ON CONFLICT (district, source) DO UPDATE SET memory = excluded.memory

-- name: insert_revision
INSERT INTO revisions (
  district, revision, source, run, digest, decided_by, approval_uid, approver_reason, four_eyes_enforced, applied_at, counts,
  config_hash
) VALUES (
  current_setting('rostersync.district'), current_setting('rostersync.revision')::bigint, current_setting('rostersync.source'),
  $1, $2, $3::text, $4::text, $5::text, $6::boolean, current_setting('rostersync.now')::timestamptz, $7, $8
)

-- name: insert_outbox
INSERT INTO outbox (district, revision, delivery, state)
VALUES (current_setting('rostersync.district'), current_setting('rostersync.revision')::bigint, $1, 'pending')
