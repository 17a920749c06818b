"""The record of OneRoster CSV. The engine is imported when a bundle is written, since the operator reads the record."""

from pathlib import Path
from typing import cast

from rostersync.api.v1alpha1.deliveries import Delivery, OneRosterCSV
from rostersync.deliveries.port import Edition, Format, Written


def _asked(delivery: Delivery) -> OneRosterCSV:
    return cast(OneRosterCSV, delivery.oneRosterCSV)  # the registry asks a record only about what it is for


def _bundle_files(edition: Edition, folder: Path) -> Written:
    from rostersync.deliveries.narrowed import Narrowing
    from rostersync.deliveries.oneroster_csv import Wanted, write_files

    asked = _asked(edition.delivery)
    before = None if edition.since is None else "before_"
    narrowing = Narrowing(asked.entities, asked.schools)
    wanted = Wanted(asked.version, narrowing, edition.views, before, edition.applied_at, forgotten=edition.forgotten)
    exported = write_files(edition.con, folder, wanted)
    files = sorted(folder.iterdir())
    ordered = (*(f for f in files if f.name != "manifest.csv"), folder / "manifest.csv")
    return Written(ordered, exported.not_expressible)


ONEROSTER_CSV = Format(
    write=_bundle_files,
    deltas=lambda delivery: _asked(delivery).mode == "Delta",
    zipped=lambda delivery: _asked(delivery).zip,
)
