-- name: is_there
-- Whether the schema has tables for several sources.
SELECT to_regclass('owners') IS NOT NULL

-- name: memory
SELECT memory FROM sources WHERE district = current_setting('rostersync.district') AND source = '*'

-- name: others
-- What all but this source contributed, and the roster that sources make together.
SELECT id, entity, status, hash, {columns} FROM "{table}"
WHERE district = (SELECT current_setting('rostersync.district')) AND source <> (SELECT current_setting('rostersync.source'))

-- name: aliases
SELECT tbl, source, id, record_id FROM aliases
WHERE district = (SELECT current_setting('rostersync.district')) AND tbl <> 'former users'

-- name: owners
SELECT tbl, id, attribute, source FROM owners WHERE district = (SELECT current_setting('rostersync.district'))

-- name: about
SELECT set_config('rostersync.source', $1, true)

-- name: take_records
-- What the one source contributed is the roster so far, tombstones and history included.
INSERT INTO "{table}" (district, source, id, entity, status, hash, {columns}, revision, changed_at)
SELECT district, '*', id, entity, status, hash, {columns}, revision, changed_at FROM "{table}"
WHERE district = current_setting('rostersync.district') AND source = $1

-- name: take_history
INSERT INTO history (district, source, revision, entity, id, change, cause, before, after, applied_at)
SELECT district, '*', revision, entity, id, change, cause, before, after, applied_at FROM history
WHERE district = current_setting('rostersync.district') AND source = $1

-- name: keep_older_programs_away
UPDATE migrations SET needs = 3 WHERE version = 3 AND needs < 3

-- name: create_links
CREATE TEMP TABLE links ON COMMIT DROP AS SELECT tbl, source, id, record_id FROM aliases WHERE false

-- name: create_owned
CREATE TEMP TABLE owned ON COMMIT DROP AS SELECT tbl, id, attribute, source FROM owners WHERE false

-- name: forget_former_links
DELETE FROM aliases AS a USING links AS l
WHERE a.district = current_setting('rostersync.district') AND a.tbl = 'former users' AND l.tbl = 'users'
  AND a.source = l.source AND a.id = l.id

-- name: keep_former_links
-- The record of a person that leaves the roster's stays known, so that forgetting the person finds what is left of it.
INSERT INTO aliases (district, tbl, source, id, record_id)
SELECT a.district, 'former users', a.source, a.id, a.record_id
FROM aliases AS a JOIN links AS l ON l.tbl = a.tbl AND l.source = a.source AND l.id = a.id
WHERE a.district = current_setting('rostersync.district') AND a.tbl = 'users' AND l.record_id IS NULL

-- name: drop_former_links
-- Of records that are in the roster by themselves now: they may be other people.
DELETE FROM aliases AS a
WHERE district = current_setting('rostersync.district') AND tbl = 'former users'
  AND EXISTS (SELECT FROM users AS u WHERE u.district = a.district AND u.source = '*' AND u.id = a.id AND u.status = 'active')

-- name: expire_former_links
-- Of records of which nothing is left.
DELETE FROM aliases AS a
WHERE district = current_setting('rostersync.district') AND tbl = 'former users'
  AND NOT EXISTS (SELECT FROM users AS u WHERE u.district = a.district AND u.source = a.source AND u.id = a.id)
  AND NOT EXISTS (
    SELECT FROM history AS h WHERE h.district = a.district AND h.source = a.source AND h.id = a.id
      AND (h.before IS NOT NULL OR h.after IS NOT NULL)
  )

-- name: delete_links
DELETE FROM aliases AS a USING links AS l
WHERE a.district = current_setting('rostersync.district') AND a.tbl = l.tbl AND a.source = l.source AND a.id = l.id

-- name: insert_links
INSERT INTO aliases (district, tbl, source, id, record_id)
SELECT current_setting('rostersync.district'), tbl, source, id, record_id FROM links WHERE record_id IS NOT NULL

-- name: delete_owned
DELETE FROM owners AS w USING owned AS o
WHERE w.district = current_setting('rostersync.district') AND w.tbl = o.tbl AND w.id = o.id AND w.attribute = o.attribute

-- name: insert_owned
INSERT INTO owners (district, tbl, id, attribute, source)
SELECT current_setting('rostersync.district'), tbl, id, attribute, source FROM owned WHERE source IS NOT NULL

-- name: insert_memory
INSERT INTO sources (district, source, memory) VALUES (current_setting('rostersync.district'), '*', $1)
ON CONFLICT (district, source) DO UPDATE SET memory = excluded.memory

-- name: same_person
-- The ids of a person: in the roster, and those under which each source contributed a record of it, or did before it left.
WITH links AS (
  SELECT id, record_id FROM aliases
  WHERE district = current_setting('rostersync.district') AND tbl IN ('users', 'former users')
),
records AS (SELECT $1 AS id UNION SELECT record_id FROM links WHERE id = $1)
SELECT id FROM records UNION SELECT l.id FROM links l JOIN records r ON r.id = l.record_id
ORDER BY id

-- name: forget_links
DELETE FROM aliases
WHERE district = current_setting('rostersync.district') AND tbl IN ('users', 'former users', 'demographics') AND (id = $1 OR record_id = $1)

-- name: forget_owners
DELETE FROM owners
WHERE district = current_setting('rostersync.district') AND tbl IN ('users', 'demographics') AND id = $1
