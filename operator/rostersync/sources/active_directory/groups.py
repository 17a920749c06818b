"""Looks up what the rules name: bases, organizational units, and groups with all groups in them."""

from collections.abc import Iterator, Sequence

from ldap.filter import escape_filter_chars

from rostersync.api.v1alpha1.directory_config import is_dn
from rostersync.errors import Permanent
from rostersync.sources.active_directory.membership import Rule, folded, outermost
from rostersync.sources.active_directory.server import NAME
from rostersync.sources.active_directory.session import Entry, Session

_WANTED = ("primaryGroupToken",)
_AT_ONCE = 40  # groups that one search asks about
_NOTHING = ("1.1",)  # no attributes


def bases(session: Session) -> list[str]:
    """The DNs to search below, as the server spells them. Raises Permanent for one that does not exist."""
    names = session.server.config.baseDNs
    found = [_entry(session, name, f"baseDNs[{i}] ({name})", _NOTHING)[0] for i, name in enumerate(names)]
    return outermost(found)


def rules(session: Session) -> list[Rule]:
    """The rules with what they name looked up. Raises Permanent for a group or unit that does not exist."""
    made = []
    for i, entity in enumerate(session.server.config.entities):
        place = f"entities[{i}]"
        units = [
            folded(_entry(session, unit, f"{place}.organizationalUnits[{n}] ({unit})", _NOTHING)[0])
            for n, unit in enumerate(entity.organizationalUnits)
        ]
        named = [_group(session, group, f"{place}.groups[{n}] ({group})") for n, group in enumerate(entity.groups)]
        groups, primary = _nested(session, named)
        made.append(Rule(entity.entity, frozenset(groups), frozenset(primary), tuple(units)))
    return made


def _entry(session: Session, dn: str, place: str, wanted: Sequence[str], only: str = "(objectClass=*)") -> Entry:
    found = session.find(dn, wanted, place, only)
    if found is None:
        raise _not_found(session, place, "is there, but is not what it should be")
    return found


def _group(session: Session, group: str, place: str) -> Entry:
    if is_dn(group):
        return _entry(session, group, place, _WANTED, "(objectClass=group)")
    name = escape_filter_chars(group)
    asked = f"(&(objectClass=group)(|(sAMAccountName={name})(cn={name})))"
    found = [e for page in session.search(session.domain, asked, _WANTED, "a search for a group", place) for e in page]
    if len(found) != 1:
        several = f"is the name of {len(found)} groups" if found else "does not exist there"
        raise _not_found(session, place, several)
    return found[0]


def _nested(session: Session, named: Sequence[Entry]) -> tuple[set[str], set[str]]:
    """Folded DNs of these groups and of all groups in them, and their numbers. Each is looked at once, so that circles end."""
    groups: set[str] = set()
    primary: set[str] = set()
    new = list(named)
    while new:
        fresh = {folded(dn): (dn, values) for dn, values in new if folded(dn) not in groups}
        groups |= fresh.keys()
        primary |= {
            v.decode("ascii", "replace") for _, values in fresh.values() for v in values.get(_WANTED[0].lower(), ())
        }
        new = list(_groups_in(session, [dn for dn, _ in fresh.values()]))
    return groups, primary


def _groups_in(session: Session, groups: Sequence[str]) -> Iterator[Entry]:
    for first in range(0, len(groups), _AT_ONCE):
        any_of = "".join(f"(memberOf={escape_filter_chars(dn)})" for dn in groups[first : first + _AT_ONCE])
        for page in session.search(
            session.domain, f"(&(objectClass=group)(|{any_of}))", _WANTED, "a search for groups in groups"
        ):
            yield from page


def _not_found(session: Session, place: str, why: str) -> Permanent:
    return Permanent(
        f"deliveryConfig.{place} {why} ({NAME} at {session.server.url}); correct it, or let the account of Secret "
        f"{session.server.secret} see it",
        reason="NotFound",
    )
