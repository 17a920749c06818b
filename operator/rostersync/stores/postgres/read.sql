-- name: roster
-- A setting in a SELECT of its own is looked up once, and not for each row.
SELECT id, entity, status, hash, {columns} FROM "{table}"
WHERE district = (SELECT current_setting('rostersync.district'))
  AND ((SELECT current_setting('rostersync.source')) = '' OR source = (SELECT current_setting('rostersync.source')))

-- name: roster_removed
-- The same, of what was deleted.
SELECT id, entity, status, hash, {columns} FROM "{table}"
WHERE district = (SELECT current_setting('rostersync.district'))
  AND source = (SELECT current_setting('rostersync.source')) AND status = 'tobedeleted'

-- name: pages
-- Of a table, and bytes of its texts that lie beside it.
SELECT pg_relation_size(oid) / current_setting('block_size')::bigint, coalesce(pg_relation_size(nullif(reltoastrelid, 0)), 0)
FROM pg_class WHERE oid = '"{table}"'::regclass

-- name: packed
-- The active records of some pages after the other, each column as one value (packed.py). Pages that are added meanwhile
-- have nothing that this transaction sees. The loop is inside of the statement, so that it is planned once.
SELECT packed.*
FROM generate_series(0, pg_relation_size('"{table}"'::regclass) / current_setting('block_size')::bigint, 32) AS page,
LATERAL (
  SELECT {columns} FROM "{table}"
  WHERE district = (SELECT current_setting('rostersync.district'))
    AND source = (SELECT current_setting('rostersync.source')) AND status = 'active'
    AND ctid >= format('(%s,0)', page)::tid AND ctid < format('(%s,0)', page + 32)::tid
) AS packed

-- name: without_compiling
-- Until the transaction ends: each statement reads once, and compiling expressions takes longer than it saves.
SELECT set_config('jit', 'off', true), set_config('enable_tidscan', 'on', true)

-- name: schools
SELECT sis_id, target_id FROM schools
WHERE district = current_setting('rostersync.district')
  AND (current_setting('rostersync.source') = '' OR source = current_setting('rostersync.source'))

-- name: history
-- As far as the roster that was read.
SELECT revision, entity, id, change, cause, before::text AS before, after::text AS after,
       applied_at AT TIME ZONE 'UTC' AS applied_at, source
FROM history
WHERE district = (SELECT current_setting('rostersync.district'))
  AND ((SELECT current_setting('rostersync.source')) = '' OR source = (SELECT current_setting('rostersync.source')))
  AND revision <= (SELECT current_setting('rostersync.revision')::bigint)

-- name: revisions
SELECT district, revision, source, run, digest, decided_by, approval_uid, approver_reason, four_eyes_enforced,
       applied_at AT TIME ZONE 'UTC' AS applied_at, counts, config_hash
FROM revisions WHERE district = current_setting('rostersync.district')

-- name: outbox
SELECT district, delivery, revision FROM outbox WHERE district = current_setting('rostersync.district')

-- name: sent
SELECT district, delivery, revision, place, sent_at AT TIME ZONE 'UTC' AS sent_at, files, config_hash
FROM sent WHERE district = current_setting('rostersync.district')

-- name: revision
-- The district's revision: 0 before its first apply.
SELECT coalesce(max(revision), 0) FROM revisions WHERE district = current_setting('rostersync.district')

-- name: memories
-- Sources that ever applied, with what is remembered of each. has_records finds out whether one still has active records.
SELECT source, memory FROM sources WHERE district = current_setting('rostersync.district') AND source <> '*' ORDER BY source

-- name: has_records
SELECT EXISTS (
  SELECT FROM "{table}" WHERE district = current_setting('rostersync.district') AND source = $1 AND status = 'active'
)

-- name: outbox_pending
SELECT EXISTS (SELECT FROM outbox WHERE district = current_setting('rostersync.district'))

-- name: districts
SELECT DISTINCT district FROM revisions ORDER BY district

-- name: anything
SELECT EXISTS (SELECT FROM revisions)

-- name: applied
-- The revision that a plan made: the digest stands for district and source, too.
SELECT revision FROM revisions WHERE run = $1 AND digest = $2 AND revision = $3 + 1

-- name: everything
-- All that there is of a district. json as text, times as UTC.
SELECT {columns} FROM "{table}" WHERE district = (SELECT current_setting('rostersync.district'))
