"""Plans of the second source of a district against plans of one source of the same size without links, in turn.

PYTHONPATH=tests python bench/several_sources.py [--people N] [--rounds N]

A SIS brings N people. Accounts bring 1.1 times as many: all of these, each with an e-mail of its own to find them by, and others.
Each plan is a process of its own, in 512 MiB. First everything is new to the store, and then a hundredth has changed.
"""

import argparse
import json
import shutil
import statistics
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from meter import Measured, measure
from sizes import MIB, WORK

from rostersync.api.v1alpha1.focusconnection import FocusConnection
from rostersync.model import Consent
from rostersync.plan import codec
from rostersync.plan.apply import apply
from rostersync.plan.origin import Pulled
from rostersync.stores.embedded.store import EmbeddedStore
from rostersync.sync.pipeline import PlanInputs, plan
from support.staging import stage

MEMORY = 512 * MIB
SPEC: dict[str, Any] = {
    "termsOfUse": {"accepted": True, "version": "1", "acceptedBy": "bench"},
    "deliveryConfig": {
        "serviceURL": "https://sis.example/ims/oneroster/v1p1",
        "credentialsSecretRef": {"name": "bench"},
    },
    "district": "bench",
    "bulkUploadMode": True,
}
LINKED: dict[str, Any] = {
    "multipleDataSources": True,
    "compareByDomainsOfUniqueness": True,
    "domainsOfUniqueness": [{"entity": "Student", "attributes": ["email"]}],
    "masterFields": [{"entity": "Student", "attributes": ["username"], "source": "accounts", "mode": "Master"}],
}
CASES = {"without links": ("alone", {}), "second source": ("linked", LINKED)}


def rows(source: str, number: int, changed: int = 0) -> dict[str, Any]:
    """One school and `number` students, of which the first `changed` have another phone than before."""
    return {
        "orgs": [{"sourcedId": f"{source}-school", "name": "North High", "type": "school"}],
        "users": list(_students(source, number, changed)),
    }


def _students(source: str, number: int, changed: int) -> Iterator[dict[str, Any]]:
    for n in range(number):
        yield {
            "sourcedId": f"{source}-{n:07d}",
            "role": "student",
            "orgSourcedIds": [f"{source}-school"],
            "givenName": f"Given {n}",
            "familyName": f"Family {n % 9_973}",
            "username": f"{source}{n}",
            "email": f"person{n}@springfield.example",
            "phone": f"{n}" if n >= changed else f"{n}0",
        }


def made(extract: Path, out: Path, store: Path, source: str, spec: dict[str, Any]) -> float:
    """Make a plan; returns its seconds."""
    connection = FocusConnection.model_validate(
        {
            "apiVersion": "rostersync.dev/v1alpha1",
            "kind": "FocusConnection",
            "metadata": {"name": source, "namespace": "bench"},
            "spec": {**SPEC, **spec, "sourceID": source},
        }
    )
    begun = time.perf_counter()
    plan(
        PlanInputs(
            connection=connection,
            run="bench",
            origin=Pulled(extract, source),
            out=out,
            scratch=out.parent / "scratch",
            reader=EmbeddedStore(store).reader(),
            as_of=datetime(2026, 9, 2, 3, tzinfo=UTC),
        )
    )
    return time.perf_counter() - begun


def applied(out: Path, store: Path) -> None:
    """Apply a plan, whatever holds it."""
    apply(out, EmbeddedStore(store).writer(), Consent("bench", codec.read(out).digest, "benchmark"))


def main() -> None:
    """Measure, and print one line a round and the ratios of the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    for name in ("extract", "out", "store", "result"):
        parser.add_argument(f"--{name}", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--case", choices=CASES, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.case:
        wall = made(given.extract, given.out, given.store, "accounts", CASES[given.case][1])
        given.result.write_text(json.dumps({"wall": wall}))
        return
    folder = WORK / "several-sources"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        compare(folder, given.people, given.rounds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def compare(folder: Path, people: int, rounds: int) -> None:
    """Everything, in a folder of its own."""
    accounts = people * 11 // 10
    first = stage(folder / "first", rows("accounts", accounts))
    later = stage(folder / "later", rows("accounts", accounts, accounts // 100))
    (folder / "alone").mkdir()
    store = folder / "linked" / "roster.duckdb"
    store.parent.mkdir()
    made(stage(folder / "sis", rows("sis", people)), folder / "plan", store, "sis", LINKED)
    applied(folder / "plan", store)
    for day, extract in (("first import", first), ("next day", later)):
        found: dict[str, list[Measured]] = {case: [] for case in CASES}
        for _ in range(rounds):
            for case, (where, _spec) in CASES.items():
                found[case].append(planned(case, extract, folder, folder / where / "roster.duckdb"))
            told = (
                f"{case} {each[-1].result['wall']:.1f} s, {each[-1].peak / MIB:.0f} MiB" for case, each in found.items()
            )
            print(f"{day}: {'; '.join(told)}", flush=True)
        medians = [statistics.median(m.result["wall"] for m in each) for each in found.values()]
        print(
            f"{day} of {accounts:,} beside {people:,} people: {medians[1] / medians[0]:.2f} x a plan without links",
            flush=True,
        )
        for case, (where, _spec) in CASES.items():
            applied(folder / case, folder / where / "roster.duckdb")


def planned(case: str, extract: Path, folder: Path, store: Path) -> Measured:
    """One plan, in a process of its own."""
    shutil.rmtree(folder / case, ignore_errors=True)
    options = {"case": case, "extract": extract, "out": folder / case, "store": store}
    command = [
        sys.executable,
        __file__,
        *(text for name, value in options.items() for text in (f"--{name}", str(value))),
    ]
    return measure(command, MEMORY)


if __name__ == "__main__":
    main()
