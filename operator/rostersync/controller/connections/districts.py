"""Whether the connections of a district agree about what its sources make together. Pure."""

from collections.abc import Sequence

from rostersync.controller.view import View
from rostersync.plan.effective import differing_fields, district_settings

REASON = "DistrictSettingsDiffer"


def differing(view: View, others: Sequence[View]) -> tuple[str, str] | None:
    """(reason, message) when another source of the district has other Domains of Uniqueness or Master Fields, else None.

    `others`: the connections of the district's other sources. One with `multipleDataSources: false` says nothing about
    other sources.
    """
    if view.spec is None or not view.spec.multipleDataSources:
        return None
    mine = district_settings(view.spec)
    for other in sorted(others, key=lambda each: str(each.known.ref)):
        if other.spec is None or not other.spec.multipleDataSources:
            continue
        if fields := differing_fields(mine, district_settings(other.spec)):
            return (
                REASON,
                f"{' and '.join(fields)} differ from those of {other.known.ref}, which is of the same district "
                f"({view.district}). Nothing is imported until they are the same.",
            )
    return None
