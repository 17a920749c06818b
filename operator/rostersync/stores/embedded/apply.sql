-- name: applied_before
-- The same plan of the same run: its report may have been lost, the revision cannot be. A plan makes the revision after its
-- base and no other: a later run of the same name with the same changes (there and back, and there again) is another.
SELECT revision FROM store.revisions
WHERE district = $district AND source = $source AND run = $run AND digest = $digest AND revision = $base + 1

-- name: moved_records
-- Changes whose before-image is not what the store has: an update or delete of a record that is gone or differs
-- from what the plan saw, or a create of one that exists.
SELECT count(*) FROM changes AS c
LEFT JOIN (
  SELECT id, hash FROM store.{table} WHERE district = $district AND source = $source AND status = 'active'
) AS s ON s.id = c.id
WHERE CASE WHEN c.change = 'Create' THEN s.hash IS NOT NULL ELSE s.hash IS NULL OR s.hash IS DISTINCT FROM c.before_hash END

-- name: insert_accepted
INSERT INTO store.{table}
SELECT $district, $source, id, coalesce(new_entity, entity), 'active', hash, {columns}, $revision, $now
FROM changes WHERE change <> 'Delete'

-- name: insert_tombstones
-- A deleted record keeps its last values, so that consumers see what was deleted and an id that comes back is known.
INSERT INTO store.{table}
SELECT district, source, id, entity, 'tobedeleted', hash, {columns}, $revision, $now
FROM store.{table}
WHERE district = $district AND source = $source AND status = 'active' AND revision < $revision
  AND id IN (SELECT id FROM changes WHERE change = 'Delete')

-- name: delete_replaced
-- What the rows just written replace: the former values, and tombstones of ids that came back.
DELETE FROM store.{table}
WHERE district = $district AND source = $source AND revision < $revision AND id IN (SELECT id FROM changes)

-- name: insert_school
-- The target may change later (another mapping). The revision stays that of the first import.
INSERT INTO store.schools VALUES ($district, $source, $sis_id, $target_id, $revision)
ON CONFLICT DO UPDATE SET target_id = excluded.target_id

-- name: insert_memory
INSERT OR REPLACE INTO store.sources VALUES ($district, $source, $memory)

-- name: insert_revision
INSERT INTO store.revisions VALUES (
  $district, $revision, $source, $run, $digest, $decided_by, $approval_uid, $reason, $four_eyes, $now, $counts,
  $config_hash
)

-- name: insert_outbox
INSERT INTO store.outbox VALUES ($district, $revision, $delivery, 'pending')

-- name: settle_outbox
-- What was delivered up to a revision holds all older ones.
DELETE FROM store.outbox WHERE district = $district AND delivery = $delivery AND revision <= $revision

-- name: insert_sent
-- Once, although settling may be repeated.
INSERT INTO store.sent
SELECT $district, $delivery, $revision, $place, $sent_at, $files, $config_hash
WHERE NOT EXISTS (
  FROM store.sent
  WHERE district = $district AND delivery = $delivery AND revision = $revision AND sent_at = $sent_at
)
