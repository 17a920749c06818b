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

-- name: expire_tombstones
DELETE FROM store.{table} WHERE district = $district AND status = 'tobedeleted' AND changed_at < $before
