"""Active Directory beside Focus: people come from the SIS, their usernames from the directory, each person once."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from rostersync.simulator.server import Simulator
from support.cli import Bench, name_of
from support.directory import PUPILS, SPRINGFIELD, change, remove
from support.directory_desk import SECRET, connection
from support.rosters import Rows, by_hand, without
from support.samba import Server, samba
from support.simulated import simulated

WHY = ("--reason", "accounts join", "--by", "dana")
WORDS: dict[str, Any] = {
    "district": "springfield",
    "multipleDataSources": True,
    "compareByDomainsOfUniqueness": True,
    "domainsOfUniqueness": [{"entity": "Student", "attributes": ["email"]}],
    "masterFields": [{"entity": "Student", "attributes": ["username"], "source": "ad-accounts", "mode": "Master"}],
}
BOTH = 10  # students who have an account


class Two:
    """The command line with a SIS and a directory of one district."""

    def __init__(self, folder: Path, simulator: Simulator, directory: Server) -> None:
        self.bench, self.directory = Bench(folder, simulator), directory

    def focus(self, code: int = 0) -> dict[str, Any]:
        return self.bench.run(code=code, manifests=self.bench.manifests(**WORDS))

    def accounts(self, code: int = 0) -> dict[str, Any]:
        made = connection(self.directory, spec=WORDS, unmatched="HoldBack")
        made["metadata"]["name"] = "accounts"
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": SECRET},
            "stringData": self.directory.secret(),
        }
        path = self.bench.folder / "accounts.yaml"
        path.write_text(yaml.safe_dump_all([made, secret]))
        return self.bench.run(code=code, manifests=["-f", str(path)])

    def exported(self) -> dict[str, dict[str, str]]:
        bundle = self.bench.folder / "bundle"
        self.bench.call("export", "--to", str(bundle))
        with (bundle / "users.csv").open(newline="") as file:
            return {row["sourcedId"]: row for row in csv.DictReader(file)}


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    with samba(SPRINGFIELD) as directory, simulated(20) as simulator:
        rows = by_hand(simulator.roster)
        for person, row in zip(PUPILS[:BOTH], (u for u in rows["users"] if u["role"] == "student"), strict=False):
            row["email"] = f"{person.account}@springfield.example".upper()
        simulator.serve(Rows(rows))
        yield Two(tmp_path, simulator, directory)


def test_accounts_join_the_people_of_the_sis(two: Two) -> None:
    two.focus()
    alone = two.exported()
    held = two.accounts(code=3)
    assert "SafetyLoosened" in {h["reason"] for h in held["status"]["holds"]}
    assert f"rostersync diff {name_of(held)} --roster" in two.bench.call("show", name_of(held)).stdout
    assert "NoSchool" not in {i["code"] for i in held["status"]["issues"]}, "the SIS has the schools"
    assert "NoSchool" not in two.bench.call("issues", name_of(held)).stdout
    school = next(o for o in by_hand(two.bench.simulator.roster)["orgs"] if o["type"] == "school")["name"]
    assert "joined by" in two.bench.call("diff", name_of(held), "--roster", "--school", school).stdout
    assert "count with --roster" in two.bench.call("diff", name_of(held), "--school", school, code=1).stderr
    told = two.bench.call("show", "accounts").stdout
    assert ("agrees" in told, "not valid" in told) == (True, False)
    manifest = yaml.safe_load(two.bench.call("show", "accounts", "-o", "yaml").stdout)
    assert "schoolsMapping" not in manifest["spec"], "what was said, and not what holds by default"
    two.bench.call("approve", name_of(held), *WHY)
    unmatched = sum(i["count"] for i in held["status"]["issues"] if i["code"] == "Unmatched")
    assert unmatched == held["status"]["totals"]["skipped"] == 70 - BOTH
    assert f"({PUPILS[BOTH].account})" in two.bench.call("issues", name_of(held), "--records", "--limit", "0").stdout

    both = two.exported()
    assert both.keys() == alone.keys(), "nobody comes and nobody goes"
    joined = {i for i in both if both[i]["username"] != alone[i]["username"]}
    assert {both[i]["username"] for i in joined} == {p.account for p in PUPILS[:BOTH]}
    assert all(both[i] | {"username": alone[i]["username"]} == alone[i] for i in joined), "and nothing else changes"

    gone, renamed = PUPILS[0], PUPILS[1]
    two.directory.modify(remove(gone.dn) + change(renamed.dn, "replace", mail="elsewhere@springfield.example"))
    two.accounts()
    after = two.exported()
    left = next(i for i in joined if both[i]["username"] == gone.account)
    assert after[left]["username"] == alone[left]["username"], "without an account, the SIS's username counts again"
    kept = next(i for i in joined if both[i]["username"] == renamed.account)
    assert after[kept]["username"] == renamed.account, "an address that changes there first makes no second person"

    simulator = two.bench.simulator
    rows = by_hand(simulator.roster)
    simulator.serve(
        Rows(
            {
                **rows,
                "users": without(rows["users"], lambda u: u["sourcedId"] == kept),
                "enrollments": without(rows["enrollments"], lambda e: e["user"]["sourcedId"] == kept),
            }
        )
    )
    two.focus()
    assert kept not in two.exported(), "an account keeps nobody whom the SIS has dropped"
    assert two.accounts()["status"]["outcome"] in ("NoChanges", "Applied")
