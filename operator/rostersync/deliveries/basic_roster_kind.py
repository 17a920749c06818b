"""The record of School Passport's Basic Roster. The engine is imported when a bundle is written, as for OneRoster CSV."""

from pathlib import Path
from typing import cast

from rostersync.api.v1alpha1.deliveries import BasicRoster
from rostersync.deliveries.port import Edition, Format, Written


def _roster_files(edition: Edition, folder: Path) -> Written:
    from rostersync.deliveries.basic_roster import FILES, write_files

    exported = write_files(edition.con, folder, edition.views)
    return Written(tuple(folder / f"{name}.csv" for name in FILES), exported.not_expressible)


BASIC_ROSTER = Format(
    write=_roster_files,
    deltas=lambda _: False,
    zipped=lambda delivery: cast(BasicRoster, delivery.basicRoster).zip,
)
