-- needs: 1
-- Deliver Jobs have the reader's login, and record what they have sent with this function alone. It runs with the rights of
-- its owner, the writer, so its search path is fixed, and every name in it says its schema.
DO $make$
BEGIN
  EXECUTE format($text$
    CREATE FUNCTION %1$I.settle(
      which_district text, which_delivery text, up_to bigint, sent_where text, sent_when timestamptz, sent_files text, asked text
    ) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
    DECLARE
      newest bigint := (SELECT coalesce(max(revision), 0) FROM %1$I.revisions WHERE district = which_district);
    BEGIN
      IF newest = 0 AND sent_where IS NULL THEN
        RETURN;
      END IF;
      IF up_to IS NULL OR up_to NOT BETWEEN 1 AND newest THEN
        RAISE EXCEPTION 'the district has no such revision' USING ERRCODE = 'RS001';
      END IF;
      IF sent_where IS NOT NULL AND (
        which_delivery IS NULL OR length(which_delivery) NOT BETWEEN 1 AND 1000
        OR length(sent_where) NOT BETWEEN 1 AND 5000 OR coalesce(length(asked), 201) > 200
        OR sent_when IS NULL OR sent_when NOT BETWEEN '2000-01-01' AND '9999-01-01'
        OR sent_files IS NULL OR length(sent_files) > 1000000 OR json_typeof(sent_files::json) <> 'array'
      ) THEN
        RAISE EXCEPTION 'no record of a delivery' USING ERRCODE = 'RS002';
      END IF;
      DELETE FROM %1$I.outbox AS o
      WHERE o.district = which_district AND o.delivery = which_delivery AND o.revision <= up_to;
      IF sent_where IS NOT NULL THEN
        INSERT INTO %1$I.sent (district, delivery, revision, place, sent_at, files, config_hash)
        VALUES (which_district, which_delivery, up_to, sent_where, sent_when, sent_files, asked)
        ON CONFLICT DO NOTHING;
      END IF;
    END
    $body$
  $text$, current_schema());
END
$make$;

REVOKE ALL ON FUNCTION settle(text, text, bigint, text, timestamptz, text, text) FROM PUBLIC;
