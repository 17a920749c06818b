-- name: memory
SELECT memory FROM store.sources WHERE district = $district AND source = $roster

-- name: others_view
-- Active records of the district's other sources, as they contributed them.
CREATE OR REPLACE TEMP VIEW others_{table} AS
SELECT source, id, entity, {columns} FROM store.{table}
WHERE district = getvariable('store_district') AND source <> getvariable('store_source') AND source <> '*' AND status = 'active'

-- name: roster_view
-- The roster as it is: records and tombstones of the one source that has made it so far, or of all together.
CREATE OR REPLACE TEMP VIEW roster_{table} AS
SELECT id, entity, status, hash, {columns} FROM store.{table}
WHERE district = getvariable('store_district') AND source = getvariable('roster_source')

-- name: roster_source
SET VARIABLE roster_source = $source

-- name: links_view
CREATE OR REPLACE TEMP VIEW store_links AS
SELECT tbl, source, id, record_id FROM store.aliases
WHERE district = getvariable('store_district') AND tbl <> 'former users'

-- name: owners_view
CREATE OR REPLACE TEMP VIEW store_owners AS
SELECT tbl, id, attribute, source FROM store.owners WHERE district = getvariable('store_district')

-- name: links_view_empty
CREATE OR REPLACE TEMP VIEW store_links AS
SELECT ''::VARCHAR AS tbl, ''::VARCHAR AS source, ''::VARCHAR AS id, ''::VARCHAR AS record_id WHERE false

-- name: owners_view_empty
CREATE OR REPLACE TEMP VIEW store_owners AS
SELECT ''::VARCHAR AS tbl, ''::VARCHAR AS id, ''::VARCHAR AS attribute, ''::VARCHAR AS source WHERE false

-- name: drop_view
DROP VIEW IF EXISTS temp.{view}

-- name: take_records
-- What the one source contributed is the roster so far, tombstones and history included.
INSERT INTO store.{table}
SELECT * REPLACE ($roster AS source) FROM store.{table} WHERE district = $district AND source = $taken_from

-- name: take_history
INSERT INTO store.history
SELECT * REPLACE ($roster AS source) FROM store.history WHERE district = $district AND source = $taken_from

-- name: open_links
SET VARIABLE links_file = $file

-- name: open_owners
SET VARIABLE owners_file = $file

-- name: forget_former_links
DELETE FROM store.aliases USING read_parquet(getvariable('links_file')) AS l
WHERE aliases.district = $district AND aliases.tbl = 'former users' AND l.tbl = 'users'
  AND aliases.source = l.source AND aliases.id = l.id

-- name: keep_former_links
-- The record of a person that leaves the roster's stays known, so that forgetting the person finds what is left of it.
INSERT INTO store.aliases BY NAME
SELECT a.district, a.source, a.id, a.record_id, 'former users' AS tbl
FROM store.aliases a JOIN read_parquet(getvariable('links_file')) l ON l.tbl = a.tbl AND l.source = a.source AND l.id = a.id
WHERE a.district = $district AND a.tbl = 'users' AND l.record_id IS NULL

-- name: drop_former_links
-- Of records that are in the roster by themselves now: they may be other people.
DELETE FROM store.aliases AS a
WHERE district = $district AND tbl = 'former users'
  AND EXISTS (FROM store.users u WHERE u.district = a.district AND u.source = '*' AND u.id = a.id AND u.status = 'active')

-- name: expire_former_links
-- Of records of which nothing is left.
DELETE FROM store.aliases AS a
WHERE district = $district AND tbl = 'former users'
  AND NOT EXISTS (FROM store.users u WHERE u.district = a.district AND u.source = a.source AND u.id = a.id)
  AND NOT EXISTS (FROM store.history h WHERE h.district = a.district AND h.source = a.source AND h.id = a.id
                  AND (h.before IS NOT NULL OR h.after IS NOT NULL))

-- name: delete_links
DELETE FROM store.aliases USING read_parquet(getvariable('links_file')) AS l
WHERE aliases.district = $district AND aliases.tbl = l.tbl AND aliases.source = l.source AND aliases.id = l.id

-- name: insert_links
INSERT INTO store.aliases BY NAME
SELECT $district AS district, source, id, record_id, tbl
FROM read_parquet(getvariable('links_file')) WHERE record_id IS NOT NULL

-- name: delete_owners
DELETE FROM store.owners USING read_parquet(getvariable('owners_file')) AS o
WHERE owners.district = $district AND owners.tbl = o.tbl AND owners.id = o.id AND owners.attribute = o.attribute

-- name: insert_owners
INSERT INTO store.owners BY NAME
SELECT $district AS district, tbl, id, attribute, source
FROM read_parquet(getvariable('owners_file')) WHERE source IS NOT NULL

-- name: insert_memory
INSERT OR REPLACE INTO store.sources VALUES ($district, $roster, $memory)

-- name: set_format
-- From now on, versions that would take the roster's records for those of one more source must not open the file.
UPDATE store.meta SET value = $format WHERE key = 'format'
