"""The record of OneRoster CSV. The engine is imported when a bundle is written, since the operator reads the record."""

from pathlib import Path
from typing import cast

from rostersync.api.v1alpha1.deliveries import Delivery, OneRosterCSV
from rostersync.deliveries.port import Edition, Format


def _asked(delivery: Delivery) -> OneRosterCSV:
    return cast(OneRosterCSV, delivery.oneRosterCSV)  # the registry asks a record only about what it is for


def _write(edition: Edition, folder: Path) -> tuple[Path, ...]:
    from rostersync.deliveries.oneroster_csv import write_bundle

    write_bundle(edition.con, folder, _asked(edition.delivery).version)
    files = sorted(folder.iterdir())
    return (*(f for f in files if f.name != "manifest.csv"), folder / "manifest.csv")


ONEROSTER_CSV = Format(
    write=_write,
    deltas=lambda delivery: _asked(delivery).mode == "Delta",
    zipped=lambda delivery: _asked(delivery).zip,
)
