"""Whom the rules of a connection take, and as what. Pure.

A person is told by the DN, by the groups that name the person as a member (memberOf), and by the primary group, which
memberOf leaves out. So people need not be looked up in the lists of groups, however long these are.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

ROLES = {"Admin": "administrator", "Teacher": "teacher", "Student": "student", "Contact": "guardian"}
"""The role that an entity's people have, in order of rank."""


@dataclass(frozen=True)
class Rule:
    """Who belongs to one entity. `groups`: folded DNs, those of nested groups included; `primary`: their numbers within
    the domain; `units`: folded DNs.
    """

    entity: str
    groups: frozenset[str] = frozenset()
    primary: frozenset[str] = frozenset()
    units: tuple[str, ...] = ()

    def takes(self, dn: str, groups: Iterable[str], primary: str) -> bool:
        """Whether a person belongs to it, by folded DN, folded DNs of groups, and the primary group's number."""
        return (
            any(dn.endswith("," + unit) for unit in self.units)
            or primary in self.primary
            or any(group in self.groups for group in groups)
        )


def roles(rules: Sequence[Rule], dn: str, groups: Sequence[str], primary: str) -> list[str]:
    """The roles of a person, the highest first. Empty for a person whom no rule takes."""
    own, of = folded(dn), [folded(group) for group in groups]
    found = {rule.entity for rule in rules if rule.takes(own, of, primary)}
    return [role for entity, role in ROLES.items() if entity in found]


def folded(dn: str) -> str:
    """A DN as the server spells it, for comparing: names in a directory have no case."""
    return dn.casefold()


def outermost(bases: Sequence[str]) -> list[str]:
    """The bases without those that lie below another one, as the server spells them."""
    return [b for b in dict.fromkeys(bases) if not any(folded(b).endswith("," + folded(o)) for o in bases)]
