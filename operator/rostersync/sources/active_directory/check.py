"""Test Connection: whom the rules of a connection find in a directory, and whom they leave out."""

from collections import Counter
from collections.abc import Sequence

from rostersync.errors import Permanent
from rostersync.roster import ORGS, ROLES, USERS, counted
from rostersync.sources.active_directory import records
from rostersync.sources.active_directory.records import Reader
from rostersync.sources.active_directory.server import NAME
from rostersync.sources.active_directory.session import Session, Stuck
from rostersync.sources.fill import Fill
from rostersync.sources.port import CheckResult, SchoolFound

_SAMPLES = 5  # pages whose attributes are looked at


def check(session: Session, reader: Reader, bases: Sequence[str]) -> CheckResult:
    """Count everybody, and look at the attributes of some. Raises Permanent if nobody is found."""
    server = session.server
    organization = server.config.organization
    found: Counter[str] = Counter()
    fill = Fill()
    fill.add(ORGS.name, records.organization(organization, server.organization))
    people = left_out = pages = 0
    try:
        for base in bases:
            for entries in session.search(base, server.config.filter, reader.wanted, "a search for people", "baseDNs"):
                batch, without_id, others = reader.batch((dn, session.complete(dn, v)) for dn, v in entries)
                found.update(str(ROLES[role]) for role in batch.column("role").to_pylist())
                people += batch.num_rows + without_id
                left_out += others
                pages += 1
                if pages <= _SAMPLES:
                    fill.add(USERS.name, batch)
    except Stuck:
        raise Permanent(
            f"{NAME} at {server.url} goes on to empty pages without end; look at it with its administrator",
            reason="WithoutEnd",
        ) from None
    if not people:
        everybody = f"{left_out:,} persons below it, but none whom" if left_out else "nobody whom filter and"
        raise Permanent(
            f"{NAME} at {server.url} answers, but has {everybody} deliveryConfig.entities take below {_in_words(bases)}; "
            f"check baseDNs, filter and entities, and what the account of Secret {server.secret} may see",
            reason="NothingToSee",
        )
    counts = ", ".join(counted(n, entity) for entity, n in sorted(found.items()))
    beside = f"; {left_out:,} {'person' if left_out == 1 else 'persons'} left out, whom no rule of entities takes"
    school = SchoolFound(organization.sourcedId, server.organization)
    return CheckResult(
        f"Connection is OK. Below {_in_words(bases)}: {counts}{beside if left_out else ''}",
        (school,) if organization.type == "school" else (),
        tuple(fill.rows()),
        {ORGS.name: 1, USERS.name: people},
    )


def _in_words(bases: Sequence[str]) -> str:
    shown = ", ".join(bases[:3])
    return shown if len(bases) <= 3 else f"{shown} and {len(bases) - 3} more"
