"""Reads a directory as rostersync does, and with an ldapsearch that pages through the same attributes, in turn.

PYTHONPATH=tests python bench/directory.py [--people N] [--rounds N]

The directory is Samba on this machine. It is filled once for each size, which takes 20 ms a person, and kept in the cache.
"""

import argparse
import os
import statistics
import subprocess
import time

from rostersync.sources.active_directory.client import ActiveDirectory
from support.directory import UNITS, Person, group, group_dn
from support.directory_desk import opened
from support.samba import ADMINISTRATOR, BASE, PASSWORD, Server, samba


def main() -> None:
    """Measure, and print one line a round and the ratio of the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    everybody = [Person(f"p{n:06d}", more={"employeeID": str(n)}) for n in range(options.people)]
    ldif = UNITS + "".join(p.ldif() for p in everybody) + group("pupils", *(p.dn for p in everybody))
    with samba(ldif) as server:
        rules = [{"entity": "Student", "groups": [group_dn("pupils")]}]
        source = opened(server, pageSize=1000, entities=rules)
        assert isinstance(source, ActiveDirectory)
        session = source._open()
        filters, wanted = session.server.config.filter, source._reader(session, frozenset()).wanted
        ours, theirs = [], []
        for _ in range(options.rounds):
            begun = time.perf_counter()
            reading = source.pull("users", frozenset(), lambda page: None)
            ours.append(time.perf_counter() - begun)
            assert reading.rows == options.people
            begun = time.perf_counter()
            found = searched(server, filters, wanted)
            theirs.append(time.perf_counter() - begun)
            assert found >= options.people
            print(f"rostersync {ours[-1]:.2f} s, ldapsearch {theirs[-1]:.2f} s")
        source.close()
    print(f"{options.people:,} people: {statistics.median(ours) / statistics.median(theirs):.2f} x ldapsearch")


def searched(server: Server, filters: str, wanted: list[str]) -> int:
    """How many entries ldapsearch finds."""
    command = ["ldapsearch", "-x", "-LLL", "-H", server.url(), "-D", ADMINISTRATOR, "-w", PASSWORD, "-b", BASE]
    trust = os.environ | {"LDAPTLS_CACERT": str(server.folder / "tls" / "ca.pem")}
    done = subprocess.run(
        [*command, "-E", "pr=1000/noprompt", filters, *wanted], env=trust, capture_output=True, check=True
    )
    return done.stdout.count(b"\ndn: ") + 1


if __name__ == "__main__":
    main()
