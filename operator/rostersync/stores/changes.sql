-- name: plan_files
SET VARIABLE plan_files = $files

-- name: changes_view
-- The changes of one table, of all its entities, straight from the plan's files. Hashes are UUIDs there, since Parquet
-- has no integer of 128 bits and DuckDB would write a DOUBLE.
CREATE OR REPLACE TEMP VIEW changes AS
SELECT * REPLACE (CAST(before_hash AS UHUGEINT) AS before_hash, CAST(hash AS UHUGEINT) AS hash)
FROM read_parquet(getvariable('plan_files'))

-- name: hash_types
-- The types of the hashes in the files. Any type but UUID has lost bits.
SELECT column_type FROM (DESCRIBE SELECT before_hash, hash FROM read_parquet(getvariable('plan_files')))

-- name: repeated_ids
-- A record changes at most once in a plan.
SELECT count(*) - count(DISTINCT id) FROM changes
