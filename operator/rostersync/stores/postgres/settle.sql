-- name: may
-- Whether the schema has the function (migration 2), and whether this role may call it.
SELECT to_regprocedure(f) IS NOT NULL, coalesce(has_function_privilege(to_regprocedure(f)::oid, 'EXECUTE'), false)
FROM (VALUES ('settle(text, text, bigint, text, timestamptz, text, text)')) AS made (f)

-- name: settle
-- What was delivered up to a revision holds all older ones. It is recorded once, although settling may be repeated.
SELECT settle(current_setting('rostersync.district'), $1, $2, $3::text, $4::text::timestamptz, $5::text, $6::text)::text
