"""The second act of the demo: accounts from Active Directory join the people of the SIS, each person once.

A real directory runs on loopback: Samba, where Debian's packages for it are installed. Where they are not, the act says so and
is left out.
"""

import argparse
import csv
import os
import shutil
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from demo import (
    HELD,
    HERE,
    LOG,
    ROSTERSYNC,
    clean,
    heading,
    near,
    newest,
    rostersync,
    shown,
    simulator,
    tell,
    write_manifests,
)

sys.path.append(str(HERE.parents[1] / "tests"))

from support.directory import STUDENTS, change, entry, remove
from support.samba import Server, missing, samba

ACCOUNTS = 40
WORDS = ("multipleDataSources", "compareByDomainsOfUniqueness", "domainsOfUniqueness", "masterFields")
VISITORS = 2  # accounts of nobody in the SIS


def main() -> None:
    """Tell it."""
    args = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if lacking := _lacking():
        heading("The second act, with Active Directory, is left out")
        print(lacking)
        return
    folder: Path = args.folder
    manifests = clean(folder)
    state = folder / "state"
    began = time.monotonic()

    heading("Second act: accounts from Active Directory join the people of Focus")
    with simulator(args.students, args.seed, folder / LOG) as control, samba("") as directory:
        sis = _write_sis(manifests, control)
        shown("export", f"ROSTERSYNC_STATE={state}")
        os.environ["ROSTERSYNC_STATE"] = str(state)

        heading("Focus first: it brings the people")
        rostersync("run", *sis)
        rostersync("export", "--to", str(folder / "export"))
        pupils = _pupils(folder / "export")
        _fill(directory, pupils)
        accounts = _write_directory(manifests, directory)

        heading(
            f"A directory of {len(pupils) + VISITORS} accounts: {len(pupils)} of students, {VISITORS} of nobody Focus knows"
        )
        rostersync("check", *accounts)

        heading("The first import of a second source is always held: it joins records")
        rostersync("run", *accounts, ends=HELD)
        held = newest(state)
        rostersync("show", held)
        rostersync("diff", held, "--roster", "--limit", "4")
        rostersync("issues", held)
        rostersync("approve", held, "--reason", "Accounts and students are the same people")

        heading("An account is deleted: the person stays, and the username of Focus counts again")
        directory.modify(remove(_dn(pupils[0])))
        rostersync("run", *accounts)
        rostersync("diff", newest(state), "--roster", "--limit", "4")

        heading("An address changes in the directory, which is the master of it")
        directory.modify(change(_dn(pupils[1]), "replace", mail="new.address@springfield.example"))
        rostersync("run", *accounts)
        rostersync("diff", newest(state), "--roster", "--limit", "4")

        heading("The next day in Focus: who leaves the SIS leaves, with or without an account")
        tell(control, "day", {})
        rostersync("run", *sis)
        rostersync("runs")

        heading("Both connections of the district, and whose value counts")
        rostersync("show", "accounts")
    print(f"\nLook further: ROSTERSYNC_STATE={state} {near(ROSTERSYNC)} diff {held} --roster")
    print(f"The second act took {time.monotonic() - began:.0f} s.")


def _lacking() -> str:
    """What a directory cannot be run without here; empty if it can."""
    if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("unshare"):
        return (
            "It needs Linux and root, since a domain controller's ports are fixed and so it gets a network of its own."
        )
    packages = missing()
    return f"It needs Samba. On Debian: apt-get install {' '.join(packages)}" if packages else ""


def _write_sis(folder: Path, control: str) -> list[str]:
    """The manifests of the first act, with what the connections of the district share."""
    write_manifests(folder, control)
    connection = yaml.safe_load((folder / "connection.yaml").read_text(encoding="utf-8"))
    connection["spec"] |= {name: _accounts()["spec"][name] for name in WORDS}
    connection["spec"].pop("deliveries", None)
    return [*_write(folder / "connection.yaml", connection), "-f", str(folder / "secret.yaml")]


def _write_directory(folder: Path, directory: Server) -> list[str]:
    connection = _accounts()
    connection["spec"]["deliveryConfig"]["url"] = directory.url()
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "directory-account", "namespace": "rosters"}}
    return _write(folder / "accounts.yaml", connection, {**secret, "stringData": dict(directory.secret())})


def _accounts() -> dict[str, Any]:
    made: dict[str, Any] = yaml.safe_load((HERE / "accounts" / "connection.yaml").read_text(encoding="utf-8"))
    return made


def _write(file: Path, *manifests: Mapping[str, Any]) -> list[str]:
    file.write_text(yaml.safe_dump_all(manifests, sort_keys=False), encoding="utf-8")
    return ["-f", str(file)]


def _pupils(bundle: Path) -> list[dict[str, str]]:
    """Some students of the roster, with an account that the directory will have."""
    with (bundle / "users.csv").open(encoding="utf-8", newline="") as file:
        found = [row for row in csv.DictReader(file) if row["role"] == "student" and row["identifier"]]
    return [row | {"account": f"acc{row['identifier']}"} for row in found[:ACCOUNTS]]


def _dn(pupil: Mapping[str, str]) -> str:
    return f"CN={pupil['account']},{STUDENTS}"


def _fill(directory: Server, pupils: list[dict[str, str]]) -> None:
    visitors = [
        {"account": f"visitor{n}", "identifier": f"V{n}", "givenName": "Vi", "familyName": "Sitor"}
        for n in range(VISITORS)
    ]
    people = "".join(
        entry(
            _dn(p),
            "user",
            sAMAccountName=p["account"],
            givenName=p["givenName"],
            sn=p["familyName"],
            mail=f"{p['account']}@springfield.example",
            employeeID=p["identifier"],
            userAccountControl="512",
        )
        for p in [*pupils, *visitors]
    )
    directory.add(entry(STUDENTS, "organizationalUnit") + people)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="another seed is another district")
    parser.add_argument("--students", type=int, default=300, help="how many Focus has")
    parser.add_argument(
        "--folder", type=Path, default=Path(".rostersync-demo/second-act"), help="removed first, then written to"
    )
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
