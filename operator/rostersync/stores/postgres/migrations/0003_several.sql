-- needs: 1
-- The roster that several sources of a district make together. Versions without it go on working until there is one; the first
-- apply of a second source then sets `needs` of this migration to 3, since they would take that roster for one more source.
ALTER TABLE aliases ADD COLUMN IF NOT EXISTS tbl text NOT NULL DEFAULT '';

CREATE INDEX IF NOT EXISTS aliases_ids ON aliases (district, tbl, source, id);

-- Whose value stands of an attribute that is not overridden, where several sources have the record.
CREATE TABLE IF NOT EXISTS owners (
  district text COLLATE "C" NOT NULL,
  tbl text NOT NULL,
  id text COLLATE "C" NOT NULL,
  attribute text NOT NULL,
  source text COLLATE "C" NOT NULL,
  PRIMARY KEY (district, tbl, id, attribute)
);

-- No samples of personal values for the planner.
ALTER TABLE owners ALTER COLUMN id SET STATISTICS 0;
