-- needs: 1
-- The roster: every record once per source, as the last applied plan of that source left it. Columns have OneRoster's own
-- names. hash is the canonical record's; revision and changed_at are those of its last change. userIds and metadata are
-- json and not jsonb, so that the order of their parts stays.

CREATE TABLE "orgs" (
  district text COLLATE "C" NOT NULL,
  source text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  entity text NOT NULL,
  status text NOT NULL CHECK (status IN ('active', 'tobedeleted')),
  hash uuid NOT NULL,
  "name" text,
  "type" text,
  "identifier" text,
  "parentSourcedId" text,
  "metadata" json,
  revision bigint NOT NULL,
  changed_at timestamptz NOT NULL,
  PRIMARY KEY (district, source, id)
);

CREATE INDEX "orgs_tombstones" ON "orgs" (district, changed_at) WHERE status = 'tobedeleted';

CREATE TABLE "academicSessions" (
  district text COLLATE "C" NOT NULL,
  source text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  entity text NOT NULL,
  status text NOT NULL CHECK (status IN ('active', 'tobedeleted')),
  hash uuid NOT NULL,
  "title" text,
  "type" text,
  "startDate" date,
  "endDate" date,
  "parentSourcedId" text,
  "schoolYear" text,
  "metadata" json,
  revision bigint NOT NULL,
  changed_at timestamptz NOT NULL,
  PRIMARY KEY (district, source, id)
);

CREATE INDEX "academicSessions_tombstones" ON "academicSessions" (district, changed_at) WHERE status = 'tobedeleted';

CREATE TABLE "courses" (
  district text COLLATE "C" NOT NULL,
  source text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  entity text NOT NULL,
  status text NOT NULL CHECK (status IN ('active', 'tobedeleted')),
  hash uuid NOT NULL,
  "schoolYearSourcedId" text,
  "title" text,
  "courseCode" text,
  "grades" text[],
  "orgSourcedId" text,
  "subjects" text[],
  "subjectCodes" text[],
  "metadata" json,
  revision bigint NOT NULL,
  changed_at timestamptz NOT NULL,
  PRIMARY KEY (district, source, id)
);

CREATE INDEX "courses_tombstones" ON "courses" (district, changed_at) WHERE status = 'tobedeleted';

CREATE TABLE "classes" (
  district text COLLATE "C" NOT NULL,
  source text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  entity text NOT NULL,
  status text NOT NULL CHECK (status IN ('active', 'tobedeleted')),
  hash uuid NOT NULL,
  "title" text,
  "grades" text[],
  "courseSourcedId" text,
  "classCode" text,
  "classType" text,
  "location" text,
  "schoolSourcedId" text,
  "termSourcedIds" text[],
  "subjects" text[],
  "subjectCodes" text[],
  "periods" text[],
  "metadata" json,
  revision bigint NOT NULL,
  changed_at timestamptz NOT NULL,
  PRIMARY KEY (district, source, id)
);

CREATE INDEX "classes_tombstones" ON "classes" (district, changed_at) WHERE status = 'tobedeleted';

CREATE TABLE "users" (
  district text COLLATE "C" NOT NULL,
  source text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  entity text NOT NULL,
  status text NOT NULL CHECK (status IN ('active', 'tobedeleted')),
  hash uuid NOT NULL,
  "enabledUser" boolean,
  "orgSourcedIds" text[],
  "role" text,
  "roles" text[],
  "username" text,
  "userIds" json,
  "givenName" text,
  "familyName" text,
  "middleName" text,
  "identifier" text,
  "email" text,
  "sms" text,
  "phone" text,
  "agentSourcedIds" text[],
  "grades" text[],
  "userMasterIdentifier" text,
  "preferredGivenName" text,
  "preferredMiddleName" text,
  "preferredFamilyName" text,
  "primaryOrgSourcedId" text,
  "pronouns" text,
  "metadata" json,
  revision bigint NOT NULL,
  changed_at timestamptz NOT NULL,
  PRIMARY KEY (district, source, id)
);

CREATE INDEX "users_tombstones" ON "users" (district, changed_at) WHERE status = 'tobedeleted';

CREATE TABLE "enrollments" (
  district text COLLATE "C" NOT NULL,
  source text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  entity text NOT NULL,
  status text NOT NULL CHECK (status IN ('active', 'tobedeleted')),
  hash uuid NOT NULL,
  "classSourcedId" text,
  "schoolSourcedId" text,
  "userSourcedId" text,
  "role" text,
  "primary" boolean,
  "beginDate" date,
  "endDate" date,
  "metadata" json,
  revision bigint NOT NULL,
  changed_at timestamptz NOT NULL,
  PRIMARY KEY (district, source, id)
);

CREATE INDEX "enrollments_tombstones" ON "enrollments" (district, changed_at) WHERE status = 'tobedeleted';

CREATE TABLE "demographics" (
  district text COLLATE "C" NOT NULL,
  source text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  entity text NOT NULL,
  status text NOT NULL CHECK (status IN ('active', 'tobedeleted')),
  hash uuid NOT NULL,
  "birthDate" date,
  "sex" text,
  "americanIndianOrAlaskaNative" boolean,
  "asian" boolean,
  "blackOrAfricanAmerican" boolean,
  "nativeHawaiianOrOtherPacificIslander" boolean,
  "white" boolean,
  "demographicRaceTwoOrMoreRaces" boolean,
  "hispanicOrLatinoEthnicity" boolean,
  "countryOfBirthCode" text,
  "stateOfBirthAbbreviation" text,
  "cityOfBirth" text,
  "publicSchoolResidenceStatus" text,
  "metadata" json,
  revision bigint NOT NULL,
  changed_at timestamptz NOT NULL,
  PRIMARY KEY (district, source, id)
);

CREATE INDEX "demographics_tombstones" ON "demographics" (district, changed_at) WHERE status = 'tobedeleted';

-- What was ever applied, by which run and plan, and who approved it. It outlives every object in the cluster.
CREATE TABLE revisions (
  district text COLLATE "C" NOT NULL,
  revision bigint NOT NULL,
  source text COLLATE "C" NOT NULL,
  run text NOT NULL,
  digest text NOT NULL,
  decided_by text,
  approval_uid text,
  approver_reason text,
  four_eyes_enforced boolean,
  applied_at timestamptz NOT NULL,
  counts text NOT NULL,
  config_hash text NOT NULL,
  PRIMARY KEY (district, revision)
);

-- What a source's last applied plan was made with (SourceMemory as JSON).
CREATE TABLE sources (
  district text COLLATE "C" NOT NULL,
  source text COLLATE "C" NOT NULL,
  memory text NOT NULL,
  PRIMARY KEY (district, source)
);

-- SIS schools that were ever imported, and the school of the store that each went to; their attributes are first-import
-- only. revision is that of the first import.
CREATE TABLE schools (
  district text COLLATE "C" NOT NULL,
  source text COLLATE "C" NOT NULL,
  sis_id text COLLATE "C" NOT NULL,
  target_id text NOT NULL,
  revision bigint NOT NULL,
  PRIMARY KEY (district, source, sis_id)
);

-- Every change of every record. before and after are JSON objects of the attributes that changed (of the whole record for
-- a Delete; neither for a Create, whose values the record itself holds). The newest revisions are what is asked for, and
-- they lie together.
CREATE TABLE history (
  district text COLLATE "C" NOT NULL,
  source text COLLATE "C" NOT NULL,
  revision bigint NOT NULL,
  entity text NOT NULL,
  id text COLLATE "C" NOT NULL,
  change text NOT NULL,
  cause text NOT NULL,
  before json,
  after json,
  applied_at timestamptz NOT NULL
);

CREATE INDEX history_revisions ON history USING brin (district, source, revision) WITH (pages_per_range = 16, autosummarize = on);

-- What retention has not emptied yet. Creates have no values, so a first import is not in it.
CREATE INDEX history_values ON history (district, applied_at) WHERE before IS NOT NULL OR after IS NOT NULL;

-- Ids of other sources for one and the same record. Empty until several data sources are united.
CREATE TABLE aliases (
  district text COLLATE "C" NOT NULL,
  source text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  record_id text NOT NULL
);

-- Revisions that are still to be delivered. A row is deleted when that is done.
CREATE TABLE outbox (
  district text COLLATE "C" NOT NULL,
  revision bigint NOT NULL,
  delivery text NOT NULL,
  state text NOT NULL,
  PRIMARY KEY (district, delivery, revision)
);

-- What was delivered, as a record for people. files is JSON: name, bytes, sha256.
CREATE TABLE sent (
  district text COLLATE "C" NOT NULL,
  delivery text NOT NULL,
  revision bigint NOT NULL,
  place text NOT NULL,
  sent_at timestamptz NOT NULL,
  files text NOT NULL,
  config_hash text NOT NULL,
  PRIMARY KEY (district, delivery, revision, sent_at)
);

-- No samples of personal values for the planner: pg_statistic would keep them after a person was forgotten. What a plan
-- and an apply ask for goes by primary keys, whose shape the planner knows without samples.
DO $$
DECLARE
  wanted record;
BEGIN
  FOR wanted IN
    SELECT attrelid::regclass AS of, attname FROM pg_attribute
    JOIN pg_class ON pg_class.oid = attrelid
    WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND attnum > 0
      AND relname IN ('orgs', 'academicSessions', 'courses', 'classes', 'users', 'enrollments', 'demographics', 'history', 'aliases')
      AND attname NOT IN ('district', 'source', 'entity', 'status', 'revision', 'change', 'cause', 'changed_at', 'applied_at')
  LOOP
    EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET STATISTICS 0', wanted.of, wanted.attname);
  END LOOP;
END
$$;
