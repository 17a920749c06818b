"""What keeps a connection safe, remembered by the store: so that making it again does not waive anything. Pure."""

from typing import Any

from rostersync.api.v1alpha1.defaults import effective_thresholds
from rostersync.api.v1alpha1.focusconnection import FocusConnectionSpec

_SWITCHES = ("preview", "fourEyes", "holdFirstImport", "holdOnConfigChange")


def safety(spec: FocusConnectionSpec) -> dict[str, Any]:
    """Limits, switches and destinations of a connection as JSON."""
    return {
        "limits": [
            [t.entity.value, t.change, t.per_school, t.percent, t.count, t.min_population]
            for t in effective_thresholds(spec)
        ],
        "preview": spec.previewDataUpload,
        "fourEyes": spec.approval.requireDistinctApprover,
        "holdFirstImport": spec.approval.holdFirstImport,
        "holdOnConfigChange": spec.approval.holdOnConfigChange,
        "deliveries": sorted(
            (d.model_dump(mode="json", by_alias=True, exclude_none=True) for d in spec.deliveries),
            key=lambda d: str(d["name"]),
        ),
    }


def loosened(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether a limit was raised or dropped, a switch turned off, or a delivery added or redirected."""
    if not before:
        return False
    if any(before.get(s) and not after.get(s) for s in _SWITCHES):
        return True
    if any(d not in before.get("deliveries", []) for d in after.get("deliveries", [])):
        return True
    return not all(any(_as_strict(new, old) for new in after["limits"]) for old in before.get("limits", []))


def _as_strict(new: list[Any], old: list[Any]) -> bool:
    """Whether a limit holds whenever the old one did."""
    if new[:3] != old[:3]:
        return False
    _, _, _, percent, count, least = new
    _, _, _, old_percent, old_count, old_least = old
    if old_percent is not None and (percent is None or percent > old_percent or least > old_least):
        return False
    return old_count is None or (count is not None and count <= old_count)
