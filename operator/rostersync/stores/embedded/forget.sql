-- name: same_person
-- The ids of a person: in the roster, and those under which each source contributed a record of it, or did before it left.
WITH links AS (
  SELECT id, record_id FROM store.aliases WHERE district = $district AND tbl IN ('users', 'former users')),
records AS (SELECT $id AS id UNION SELECT record_id FROM links WHERE id = $id)
SELECT id FROM records UNION SELECT l.id FROM links l JOIN records r ON r.id = l.record_id
ORDER BY id

-- name: forget_links
DELETE FROM store.aliases
WHERE district = $district AND tbl IN ('users', 'former users', 'demographics') AND (id = $id OR record_id = $id)

-- name: forget_owners
DELETE FROM store.owners WHERE district = $district AND tbl IN ('users', 'demographics') AND id = $id

-- name: person
-- Whether the id is a person here, and an active one.
SELECT bool_or(status = 'active') FROM (
  SELECT status FROM store.users WHERE district = $district AND id = $id
  UNION ALL
  SELECT status FROM store.demographics WHERE district = $district AND id = $id
)

-- name: forget_receivers
-- No later delta would tell receivers that the person is gone. So none of them counts as having anything.
UPDATE store.sent SET config_hash = '' WHERE district = $district

-- name: set_memory
UPDATE store.sources SET memory = $memory WHERE district = $district AND source = $source

-- name: delete_user
DELETE FROM store.users WHERE district = $district AND id = $id

-- name: delete_demographics
DELETE FROM store.demographics WHERE district = $district AND id = $id

-- name: forgotten_enrollments
-- Ids of the person's enrolments, kept for the history below.
CREATE OR REPLACE TEMP TABLE forgotten AS
SELECT id FROM store.enrollments WHERE district = $district AND "userSourcedId" = $id

-- name: delete_enrollments
-- Without the person they would refer to nothing, and they tell where somebody was at which time.
DELETE FROM store.enrollments WHERE district = $district AND "userSourcedId" = $id

-- name: cut_references
-- Others who name the person as their agent. Their hash stays that of what the source sent, so that the next run sees
-- for itself whether it still sends the reference.
UPDATE store.users
SET "agentSourcedIds" = nullif(list_filter("agentSourcedIds", lambda a: a <> $id), [])
WHERE district = $district AND list_contains("agentSourcedIds", $id)

-- name: delete_history
DELETE FROM store.history
WHERE district = $district AND entity IN ('Student', 'Teacher', 'Contact', 'Admin', 'Demographics') AND id = $id

-- name: delete_enrollment_history
-- Those of today's enrolments, and of former ones whose values name the person.
DELETE FROM store.history
WHERE district = $district AND entity = 'Enrollment'
  AND (id IN (SELECT id FROM forgotten)
       OR json_extract_string(before, '$.userSourcedId') = $id OR json_extract_string(after, '$.userSourcedId') = $id)

-- name: cut_history_references
-- Values of others that name the person as their agent: the reference goes, the rest of the values stays.
UPDATE store.history
SET before = CASE WHEN list_contains(before->>'$.agentSourcedIds[*]', $id)
                  THEN json_merge_patch(before, json_object('agentSourcedIds',
                         list_filter(before->>'$.agentSourcedIds[*]', lambda a: a <> $id))) ELSE before END,
    after = CASE WHEN list_contains(after->>'$.agentSourcedIds[*]', $id)
                 THEN json_merge_patch(after, json_object('agentSourcedIds',
                        list_filter(after->>'$.agentSourcedIds[*]', lambda a: a <> $id))) ELSE after END
WHERE district = $district
  AND (list_contains(before->>'$.agentSourcedIds[*]', $id) OR list_contains(after->>'$.agentSourcedIds[*]', $id))
