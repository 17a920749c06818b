-- name: settings
-- Until the transaction ends: where tables are found, and what statements are about. quote_ident, since it is a list of names.
SELECT set_config('search_path', quote_ident($1), true), set_config('rostersync.schema', $1, true),
       set_config('rostersync.district', $2, true), set_config('rostersync.source', $3, true),
       set_config('rostersync.now', $4, true), set_config('rostersync.before', $5, true),
       set_config('rostersync.reader', $6, true), set_config('rostersync.revision', $7, true)

-- name: search_path_of_session
-- For what runs outside of a transaction.
SELECT set_config('search_path', quote_ident($1), false)

-- name: revision
SELECT set_config('rostersync.revision', $1, true)

-- name: person
SELECT set_config('rostersync.person', $1, true)

-- name: lock
-- One writer of a district at a time, until the transaction ends. Others wait as long as lock_timeout allows.
SELECT pg_advisory_xact_lock(hashtextextended(
  'rostersync/' || current_setting('rostersync.schema') || '/' || current_setting('rostersync.district'), 0))

-- name: lock_schema
SELECT pg_advisory_xact_lock(hashtextextended('rostersync/' || current_setting('rostersync.schema'), 0))

-- name: patience
-- For a transaction that writes. A peer that is gone lets go of its locks soon, and nobody waits for ever.
SELECT set_config('lock_timeout', '10s', true), set_config('idle_in_transaction_session_timeout', '10min', true),
       set_config('tcp_keepalives_idle', '30', false), set_config('tcp_keepalives_interval', '10', false),
       set_config('tcp_keepalives_count', '6', false), set_config('client_connection_check_interval', '10s', true)

-- name: patience_of_test
SELECT set_config('statement_timeout', $1, true)

-- name: make_schema_of_test
CREATE SCHEMA {schema}

-- name: make_table_of_test
CREATE TABLE {table} (written timestamptz)

-- name: write_of_test
INSERT INTO {table} VALUES (now())

-- name: server
-- Its version as a number and for people, and the protocol of TLS, if the connection has any.
SELECT current_setting('server_version_num')::int, split_part(current_setting('server_version'), ' ', 1),
       (SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl)

-- name: may_migrate
-- Whether the server only reads; whether this role may make what is missing of the schema; whether it owns what is there.
SELECT pg_is_in_recovery(),
       CASE WHEN namespace IS NULL THEN has_database_privilege(current_database(), 'CREATE')
            ELSE has_schema_privilege(namespace, 'CREATE') END,
       NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = namespace AND relkind = 'r' AND NOT pg_has_role(relowner, 'USAGE'))
FROM (SELECT to_regnamespace(quote_ident(current_setting('rostersync.schema')))::oid) AS made (namespace)

-- name: exists
-- Whether the schema has tables of ours, and whether this role may look into it.
SELECT to_regnamespace(quote_ident(current_setting('rostersync.schema'))) IS NOT NULL,
       coalesce(has_schema_privilege(to_regnamespace(quote_ident(current_setting('rostersync.schema')))::oid, 'USAGE'), false),
       EXISTS (
         SELECT FROM pg_class
         WHERE relnamespace = to_regnamespace(quote_ident(current_setting('rostersync.schema'))) AND relname = 'migrations'
       )

-- name: may_read
SELECT has_table_privilege('migrations', 'SELECT') AND has_table_privilege('revisions', 'SELECT')

-- name: may_write
-- Whether this role could change the roster: by a right of its own, as the owner or a member of its role, as a superuser,
-- or by making the schema anew.
SELECT rolsuper
  OR has_database_privilege(current_database(), 'CREATE')
  OR coalesce(has_schema_privilege(to_regnamespace(quote_ident(current_setting('rostersync.schema')))::oid, 'CREATE'), false)
  OR EXISTS (
    SELECT FROM pg_class
    WHERE relnamespace = to_regnamespace(quote_ident(current_setting('rostersync.schema'))) AND relkind IN ('r', 'p')
      AND (has_table_privilege(pg_class.oid, 'INSERT, UPDATE, DELETE, TRUNCATE') OR pg_has_role(relowner, 'MEMBER'))
  )
FROM pg_roles WHERE rolname = current_user

-- name: schema_version
-- The newest migration, and the oldest one whose program still understands the schema.
SELECT max(version), max(needs) FROM migrations

-- name: create_schema
DO $$
BEGIN
  IF to_regnamespace(quote_ident(current_setting('rostersync.schema'))) IS NULL THEN
    EXECUTE format('CREATE SCHEMA %I', current_setting('rostersync.schema'));
  END IF;
END
$$

-- name: create_migrations
-- Which migrations ran. needs: the oldest version whose programs still understand the schema.
CREATE TABLE IF NOT EXISTS migrations (
  version bigint PRIMARY KEY,
  name text NOT NULL,
  needs bigint NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
)

-- name: insert_migration
INSERT INTO migrations (version, name, needs) VALUES ($1, $2, $3)

-- name: role_exists
SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)

-- name: lacks_grant
-- Whether the reader may not read some table yet, or not record deliveries.
SELECT NOT has_schema_privilege($1, current_schema(), 'USAGE') OR EXISTS (
  SELECT FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
    AND NOT has_table_privilege($1, oid, 'SELECT')
) OR EXISTS (
  SELECT FROM pg_proc WHERE pronamespace = current_schema()::regnamespace AND proname = 'settle'
    AND NOT has_function_privilege($1, oid, 'EXECUTE')
)

-- name: grant
-- Nothing but SELECT, and to record what was delivered.
DO $$
BEGIN
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), current_setting('rostersync.reader'));
  EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO %I', current_schema(), current_setting('rostersync.reader'));
  EXECUTE format('GRANT EXECUTE ON FUNCTION settle TO %I', current_setting('rostersync.reader'));
END
$$
