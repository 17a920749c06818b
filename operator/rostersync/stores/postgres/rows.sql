-- name: incoming
-- What goes into the temporary table, typed as the roster is.
SELECT change, {before_hash} AS before_hash, id, coalesce(new_entity, entity) AS entity, {hash} AS hash, {columns} FROM changes

-- name: records
-- What goes into the table itself, where nothing of the source is there yet.
SELECT $district AS district, $source AS source, id, coalesce(new_entity, entity) AS entity, 'active' AS status,
       {hash} AS hash, {columns}, CAST($revision AS BIGINT) AS revision, CAST($now AS TIMESTAMP) AS changed_at
FROM changes

-- name: only_creates
SELECT count(*) = 0 FROM changes WHERE change <> 'Create'

-- name: history
-- One row for every change. `after` of an update holds the attributes that changed, and the entity if that did; a create has
-- neither side, since the record itself holds its values.
SELECT $district AS district, $source AS source, CAST($revision AS BIGINT) AS revision, entity, id, change, cause,
       CAST(before AS VARCHAR) AS before, CASE WHEN change = 'Update' THEN {after} END AS after,
       CAST($now AS TIMESTAMP) AS applied_at
FROM changes
