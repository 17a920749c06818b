"""What a store keeps of a district with several sources, beside what each of them contributed.

The roster that they make together is kept as the records of a source of its own, with its own history. So whoever reads a district's
roster reads one source. A district with one source has no such records: its contributions are its roster.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROSTER = "*"  # the roster's own source; no sourceID can be this


@dataclass(frozen=True)
class Several:
    """A district's sources, and its settings about them.

    `sources` are in order of age, each with whether it brings records of its own. `settings` are Domains of Uniqueness and Master
    Fields, as the connections have them. `since`: the revision from which on there is such a roster.
    """

    sources: tuple[tuple[str, bool], ...]
    settings: dict[str, Any] = field(default_factory=dict)
    since: int = 0

    @property
    def brings(self) -> dict[str, bool]:
        """Whether each source brings records."""
        return dict(self.sources)


@dataclass(frozen=True)
class RosterToApply:
    """What a plan does to the roster of several sources. `changes` are files by entity, as those of a plan.

    `links` (tbl, source, id, record_id): the records of the roster that contributions are in, where that changes and is not
    their own id; null: their own. `owners` (tbl, id, attribute, source): whose values are not overridden, where that changes; null:
    nobody's. `taken_from`: the source whose contributions are the roster so far, if there was only one.
    """

    memory: Several
    changes: dict[str, Path]
    links: Path
    owners: Path
    taken_from: str = ""

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file of it."""
        return (*self.changes.values(), self.links, self.owners)


def of_roster(mark: Callable[[str], None]) -> Callable[[str], None]:
    """Tells the steps of an apply that write the roster from those that write contributions: `roster users`, not `users`."""
    return lambda step: mark(f"roster {step}")


def several_as_dict(several: Several) -> dict[str, Any]:
    """As a plan's manifest has it."""
    sources = [{"source": name, "brings": brings} for name, brings in several.sources]
    return {"sources": sources, "settings": several.settings, "since": several.since}


def several_from_dict(data: dict[str, Any]) -> Several:
    """The reverse."""
    sources = tuple((str(s["source"]), bool(s["brings"])) for s in data["sources"])
    return Several(sources, dict(data.get("settings") or {}), int(data.get("since") or 0))


def several_as_text(several: Several) -> str:
    """One canonical line of JSON."""
    return json.dumps(several_as_dict(several), sort_keys=True, ensure_ascii=False)


def several_from_text(text: str) -> Several:
    """The reverse."""
    return several_from_dict(json.loads(text))
