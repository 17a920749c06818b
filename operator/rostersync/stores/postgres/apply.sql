-- name: applied_before
-- The same plan of the same run: its report may have been lost, the revision cannot be. A plan makes the revision after its
-- base and no other: a later run of the same name with the same changes (there and back, and there again) is another.
SELECT revision FROM revisions
WHERE district = current_setting('rostersync.district') AND source = current_setting('rostersync.source')
  AND run = $1 AND digest = $2 AND revision = $3 + 1

-- name: is_new
-- Whether this source has nothing in the table, tombstones included.
SELECT NOT EXISTS (
  SELECT FROM "{table}"
  WHERE district = current_setting('rostersync.district') AND source = current_setting('rostersync.source')
)

-- name: create_incoming
-- Changes on their way into the table. Temporary tables are not in the log, and go with the transaction.
CREATE TEMP TABLE incoming ON COMMIT DROP AS
SELECT ''::text AS change, hash AS before_hash, id, entity, hash, {columns} FROM "{table}" WHERE false

-- name: drop_incoming
DROP TABLE incoming

-- name: incoming_index
CREATE UNIQUE INDEX ON incoming (id)

-- name: moved_records
-- Changes whose before-image is not what the store has: an update or delete of a record that is gone or differs from what the
-- plan saw, or a create of one that exists.
SELECT count(*) FROM incoming AS c
LEFT JOIN "{table}" AS s
  ON s.district = current_setting('rostersync.district') AND s.source = current_setting('rostersync.source')
  AND s.id = c.id AND s.status = 'active'
WHERE CASE WHEN c.change = 'Create' THEN s.hash IS NOT NULL ELSE s.hash IS NULL OR s.hash <> c.before_hash END

-- name: merge
-- A deleted record keeps its last values, so that consumers see what was deleted and an id that comes back is known.
MERGE INTO "{table}" AS s USING incoming AS c
  ON s.district = current_setting('rostersync.district') AND s.source = current_setting('rostersync.source') AND s.id = c.id
WHEN MATCHED AND c.change = 'Delete' THEN
  UPDATE SET status = 'tobedeleted', revision = current_setting('rostersync.revision')::bigint,
             changed_at = current_setting('rostersync.now')::timestamptz
WHEN MATCHED THEN
  UPDATE SET status = 'active', entity = c.entity, hash = c.hash, {assignments},
             revision = current_setting('rostersync.revision')::bigint,
             changed_at = current_setting('rostersync.now')::timestamptz
WHEN NOT MATCHED THEN
  INSERT (district, source, id, entity, status, hash, {columns}, revision, changed_at)
  VALUES (current_setting('rostersync.district'), current_setting('rostersync.source'), c.id, c.entity, 'active', c.hash,
          {incoming}, current_setting('rostersync.revision')::bigint, current_setting('rostersync.now')::timestamptz)

-- name: insert_school
-- The target may change later (another mapping). The revision stays that of the first import.
INSERT INTO schools (district, source, sis_id, target_id, revision)
VALUES (current_setting('rostersync.district'), current_setting('rostersync.source'), $1, $2,
        current_setting('rostersync.revision')::bigint)
ON CONFLICT (district, source, sis_id) DO UPDATE SET target_id = excluded.target_id

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
