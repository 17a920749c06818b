"""What is wrong with the objects in a state folder, once a command has failed over one of them.

Healthy folders are not looked at: what an earlier or later version wrote is taken as it is.
"""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from rostersync.api.explain import problems
from rostersync.api.v1alpha1.meta import Model
from rostersync.api.v1alpha1.syncapproval import SyncApproval
from rostersync.api.v1alpha1.syncrun import SyncRun
from rostersync.errors import Permanent
from rostersync.execution.json_files import read_object, spoiled
from rostersync.instants import parse_instant

_FOLDERS: tuple[tuple[str, type[Model]], ...] = (("runs", SyncRun), ("approvals", SyncApproval))
_TIMES = (("metadata", "creationTimestamp"), ("spec", "expiresAt"), ("status", "decisionSeenAt"))
_ANY_TIME = "2026-01-01T00:00:00Z"


def first(root: Path) -> Permanent | None:
    """The error that names the first spoiled file of a run or an approval, and what is wrong with it. None if all are whole."""
    for folder, model in _FOLDERS:
        for path in sorted((root / folder).glob("*.json")):
            try:
                data = read_object(path)
            except Permanent as error:
                return error
            if data is not None and (what := _wrong(data, model)):
                return spoiled(path, what)
    return None


def _wrong(data: dict[str, Any], model: type[Model]) -> str:
    """What the object lacks or has wrong, if anything. Fields that this version does not know are not wrong."""
    try:
        model.model_validate(data)
    except ValidationError as error:
        unknown = {e["loc"] for e in error.errors(include_input=False) if e["type"] == "extra_forbidden"}
        if found := [str(p) for p in problems(error, model) if p.location not in unknown]:
            return f"{found[0]}{f' (and {len(found) - 1} more)' if len(found) > 1 else ''}"
    lacks = [
        name for name in ("name", "uid", "generation", "creationTimestamp") if name not in data.get("metadata", {})
    ]
    if lacks:
        return f"its metadata lacks {lacks[0]}"
    for part, field in _TIMES:
        try:
            parse_instant((data.get(part) or {}).get(field, _ANY_TIME))
        except (ValueError, TypeError):
            return f"{part}.{field} is no time"
    return ""
