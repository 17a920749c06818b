"""What the same work costs when a specialist writes only that: floors for the stages. Each in a process of its own.

decode  enrolment pages to Parquet             join     a full outer join of (id, hash) tables
script  pages to a list of changes, all of it  replace  delete and insert of wide rows
"""

import argparse
import http.client
import json
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import by_hand
import duckdb
from pages import Pages
from sizes import COLLECTIONS, PAGE, STEP

CLOCK = time.perf_counter, time.process_time


def timed(begun: tuple[float, float], **more: object) -> dict[str, object]:
    """Wall and CPU since `begun`."""
    return {"wall": CLOCK[0]() - begun[0], "cpu": CLOCK[1]() - begun[1], **more}


def now() -> tuple[float, float]:
    """Both clocks."""
    return CLOCK[0](), CLOCK[1]()


def decode(pages: Path, out: Path) -> dict[str, object]:
    """Enrolment pages from files to one Parquet file."""
    source = Pages(pages)
    begun = now()
    rows = by_hand.write(
        "enrollments",
        (source["enrollments", n] for n in range(source.count("enrollments"))),
        out / "enrollments.parquet",
    )
    return timed(begun, records=rows)


def connect(out: Path, memory: int | None) -> duckdb.DuckDBPyConnection:
    """As the engine is run: the same memory, threads and freedom of order."""
    con = duckdb.connect()
    if memory:
        con.execute(f"SET memory_limit = '{memory}B'")
    con.execute("SET preserve_insertion_order = false")
    con.execute(f"SET temp_directory = '{out}/spill'")
    return con


def join(old: Path, new: Path, out: Path, memory: int | None) -> dict[str, object]:
    """Old and new (id, hash) of every record; the join is timed, and apart from it the making of the new hashes."""
    con = connect(out, memory)
    rows = 0
    hashing: dict[str, object] = {}
    for name, folder in (("old", old), ("new", new)):
        con.execute(f"CREATE TABLE {name} (id VARCHAR, hash UHUGEINT)")
        begun = now()
        for collection in COLLECTIONS:
            con.execute(f"INSERT INTO {name} {_hashed(collection, folder)}")
        hashing = timed(begun)
        rows = max(rows, con.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0])
    begun = now()
    found = con.execute("""
        SELECT count(*) FILTER (old.id IS NULL), count(*) FILTER (new.id IS NULL),
          count(*) FILTER (old.hash <> new.hash)
        FROM old FULL OUTER JOIN new USING (id)""").fetchall()[0]
    return timed(begun, records=rows, changes=sum(found), hashing=hashing)


def _hashed(collection: str, folder: Path | None) -> str:
    columns = by_hand.ROWS[collection].__struct_fields__[2:]
    text = ", ".join(f"coalesce({_quoted(c)}::VARCHAR, '')" for c in columns)
    return f"SELECT sourcedId AS id, md5_number(concat_ws('|', {text})) AS hash FROM '{folder}/{collection}.parquet'"


def _quoted(name: str) -> str:
    return f'"{name}"'


def fetch(url: str, collection: str) -> Iterator[bytes]:
    """Every page over one connection, as fast as it goes."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    connection.request("POST", f"{parts.path}/token", urlencode({"grant_type": "client_credentials"}))
    token = json.loads(connection.getresponse().read())["access_token"]
    offset = total = 0
    while offset == 0 or offset < total:
        connection.request(
            "GET",
            f"{parts.path}/{collection}?limit={PAGE}&offset={offset}",
            headers={"Authorization": f"bearer {token}"},
        )
        answer = connection.getresponse()
        total = int(answer.headers["X-Total-Count"])
        yield answer.read()
        offset += STEP


def script(url: str, store: Path, out: Path, memory: int | None) -> dict[str, object]:
    """A whole plan by hand: read every page, write Parquet, hash, join with the store, list the changes."""
    begun = now()
    out.mkdir(parents=True, exist_ok=True)
    rows = sum(by_hand.write(c, fetch(url, c), out / f"{c}.parquet") for c in COLLECTIONS)
    con = connect(out, memory)
    con.execute(f"ATTACH '{store}' AS store (READ_ONLY)")
    known = {
        row[0] for row in con.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = 'store'").fetchall()
    }
    changes = 0
    for collection in COLLECTIONS:
        con.execute(f"CREATE TEMP TABLE new AS {_hashed(collection, out)}")
        old = (
            f"store.{collection}"
            if collection in known
            else "(SELECT NULL::VARCHAR AS id, NULL::UHUGEINT AS hash WHERE false)"
        )
        con.execute(f"""
            CREATE TEMP TABLE changes AS
            SELECT coalesce(new.id, old.id) AS id,
              CASE WHEN old.id IS NULL THEN 'Create' WHEN new.id IS NULL THEN 'Delete' ELSE 'Update' END AS change
            FROM new FULL OUTER JOIN {old} old ON new.id = old.id WHERE new.hash IS DISTINCT FROM old.hash""")
        con.execute(f"""
            COPY (SELECT c.id AS changed_id, change, r.* FROM changes c
                  LEFT JOIN '{out}/{collection}.parquet' r ON r.sourcedId = c.id ORDER BY c.id)
            TO '{out}/changes-{collection}.parquet' (FORMAT parquet, COMPRESSION zstd)""")
        changes += con.execute("SELECT count(*) FROM changes").fetchall()[0][0]
        con.execute("DROP TABLE new; DROP TABLE changes")
    return timed(begun, records=rows, changes=changes)


def keep(store: Path, folder: Path | None = None) -> dict[str, object]:
    """The store that `script` compares with: what an earlier `script` read, or nothing."""
    store.parent.mkdir(parents=True, exist_ok=True)
    store.unlink(missing_ok=True)
    with duckdb.connect(str(store)) as con:
        for collection in COLLECTIONS if folder else ():
            con.execute(f"CREATE TABLE {collection} AS {_hashed(collection, folder)}")
    return {}


def replace(rows: int, out: Path, memory: int | None) -> dict[str, object]:
    """Delete and insert of `rows` rows of 40 columns, in a table of twice as many, in one transaction."""
    file = out / "replace.duckdb"
    file.unlink(missing_ok=True)
    texts = ", ".join(f"'value ' || (i % {97 + n}) || ' of column {n}' AS c{n}" for n in range(38))
    with connect(out, memory) as con:
        con.execute(f"ATTACH '{file}' AS file")
        wide = f"SELECT md5(i::VARCHAR) AS id, md5_number(i::VARCHAR) AS hash, {texts} FROM range({{0}}) t(i)"
        con.execute(f"CREATE TABLE file.wide AS {wide.format(2 * rows)}")
        con.execute(f"COPY ({wide.format(rows)}) TO '{out}/replace.parquet' (FORMAT parquet)")
        begun = now()
        con.execute("BEGIN")
        con.execute(f"DELETE FROM file.wide WHERE id IN (SELECT id FROM '{out}/replace.parquet')")
        con.execute(f"INSERT INTO file.wide SELECT * FROM '{out}/replace.parquet'")
        con.execute("COMMIT")
        result = timed(begun, records=rows)
    file.unlink()
    return result


def main() -> None:
    """One floor, as the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("floor", choices=["decode", "join", "script", "keep", "replace"])
    parser.add_argument("--result", type=Path, required=True)
    for name in ("pages", "old", "new", "out", "store", "folder"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--url")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--memory", type=int)
    given = {k: v for k, v in vars(parser.parse_args()).items() if v is not None}
    file, floor = given.pop("result"), given.pop("floor")
    if floor in ("join", "script", "replace"):
        given.setdefault("memory", None)
    if "out" in given:
        given["out"].mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(globals()[floor](**given)))


if __name__ == "__main__":
    main()
