"""A second source of many people is planned in little memory: what does not spill is done in lots."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rostersync.api.v1alpha1.focusconnection import FocusConnection
from rostersync.model import Consent, PlanReport
from rostersync.plan.apply import apply
from rostersync.plan.origin import Pulled
from rostersync.stores.embedded.store import EmbeddedStore
from rostersync.sync.pipeline import PlanInputs, plan
from support.staging import stage

PEOPLE, MEMORY = 30_000, 100 << 20
SPEC: dict[str, Any] = {
    "termsOfUse": {"accepted": True},
    "deliveryConfig": {"serviceURL": "https://sis.example/oneroster", "credentialsSecretRef": {"name": "sis"}},
    "district": "rivers",
    "multipleDataSources": True,
    "compareByDomainsOfUniqueness": True,
    "domainsOfUniqueness": [{"entity": "Student", "attributes": ["email"]}],
}


def students(source: str) -> Iterator[dict[str, Any]]:
    for n in range(PEOPLE):
        yield {
            "sourcedId": f"{source}-{n:06d}",
            "role": "student",
            "orgSourcedIds": [f"{source}-school"],
            "givenName": f"Given {n}",
            "familyName": f"Family {n}",
            "email": f"person{n}@springfield.example",
            "phone": f"{source}{n}",
        }


def planned(folder: Path, source: str) -> PlanReport:
    school = {"sourcedId": f"{source}-school", "name": f"{source} High", "type": "school"}
    extract = stage(folder / source, {"orgs": [school], "users": list(students(source))})
    named = {"apiVersion": "rostersync.dev/v1alpha1", "kind": "FocusConnection", "metadata": {"name": source}}
    inputs = PlanInputs(
        connection=FocusConnection.model_validate(named | {"spec": SPEC}),
        run="run",
        origin=Pulled(extract, source),
        out=folder / "plan" / source,
        scratch=folder / "scratch",
        reader=EmbeddedStore(folder / "roster.duckdb").reader(),
        as_of=datetime(2026, 9, 2, 3, tzinfo=UTC),
        memory_limit=MEMORY,
        threads=2,
    )
    inputs.out.parent.mkdir(exist_ok=True)
    return plan(inputs)


def test_many_people_of_two_sources_are_united_in_little_memory(tmp_path: Path) -> None:
    report = planned(tmp_path, "sis")
    store = EmbeddedStore(tmp_path / "roster.duckdb")
    apply(tmp_path / "plan" / "sis", store.writer(), Consent("somebody", report.digest or "", "test"))

    united = planned(tmp_path, "accounts").roster

    assert united is not None
    assert (united.total.updated, united.total.created) == (PEOPLE, 1), (
        "each person once, with the school of the accounts"
    )
