"""Where artifacts are is asked of its record: no code but the registry decides by a field of spec.artifacts."""

import re
from pathlib import Path
from typing import Any

import pytest

from rostersync.api.v1alpha1.storage import Artifacts
from rostersync.execution.homes import HOMES, home_of
from rostersync.stores.placement import Claim

SOURCE = Path(__file__).parents[2] / "operator" / "rostersync"
OWN = {"execution/homes.py", "execution/home_in_bucket.py"}  # the registry, and the place itself
ASKS = re.compile(rf"artifacts\.({'|'.join(HOMES)})\b")
BUCKET = {"url": "s3://plans", "endpoint": "https://s3.example", "secretRef": {"name": "keys"}}


def test_no_other_code_names_a_place() -> None:
    python = [path for path in SOURCE.rglob("*.py") if "api" not in path.relative_to(SOURCE).parts]
    asking = {
        path.relative_to(SOURCE).as_posix()
        for path in python
        for line in path.read_text().splitlines()
        if ASKS.search(line) and '"' not in line
    }
    assert asking <= OWN


@pytest.mark.parametrize(
    ("spec", "claim", "secret", "apart"),
    [
        ({}, Claim("made", "spec.artifacts", "20Gi"), None, False),
        ({"existingClaim": "given"}, Claim("given", "spec.artifacts", "20Gi", existing=True), None, False),
        ({"volumeClaim": {"size": "5Gi"}}, Claim("made", "spec.artifacts", "5Gi"), None, False),
        ({"objectStorage": BUCKET}, None, "keys", True),
    ],
)
def test_a_record_says_what_jobs_mount(
    spec: dict[str, Any], claim: Claim | None, secret: str | None, apart: bool
) -> None:
    asked = Artifacts.model_validate(spec)
    home = home_of(asked)
    needed = home.secret(asked)

    assert (home.claim(asked, "made"), needed and needed.name, home.apart) == (claim, secret, apart)
    assert (home.probes is not None) == apart
