-- name: insert_changes
-- One row for every change. `after` of an update holds the attributes that changed, and the entity if that did; a
-- create has neither side, since the record itself holds its values.
INSERT INTO store.history
SELECT $district, $source, $revision, entity, id, change, cause, before,
       CASE WHEN change = 'Update' THEN {after} END, $now
FROM changes

-- name: expire_values
-- It stays known what changed and when. Only the values are removed.
UPDATE store.history SET before = NULL, after = NULL
WHERE district = $district AND applied_at < $before AND (before IS NOT NULL OR after IS NOT NULL)

-- name: expire_sent
-- The newest of each delivery says what its receiver has.
DELETE FROM store.sent AS old
WHERE district = $district AND sent_at < $before AND EXISTS (
  FROM store.sent AS newer
  WHERE newer.district = old.district AND newer.delivery = old.delivery AND newer.config_hash = old.config_hash
    AND newer.revision > old.revision
)

-- name: expire_tombstones
DELETE FROM store.{table} WHERE district = $district AND status = 'tobedeleted' AND changed_at < $before
