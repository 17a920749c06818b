"""A hold as a sentence with its numbers. It is made when it is shown: reports only have the numbers."""

from rostersync.model import Hold, HoldReason
from rostersync.render.words import VERBS, number, percent, some
from rostersync.roster import PLURALS

_NEEDS_NO_NUMBERS = {
    HoldReason.IDENTITY_CHANGED: "The SIS ID prefix differs from that of the last applied plan: every record would get another id",
    HoldReason.SOURCE_CHANGED: "The source differs from that of the last applied plan: its host, client id or OneRoster version changed",
    HoldReason.CONFIG_CHANGED: "The connection's configuration differs from that of the last applied plan, and this plan deletes records or updates "
    "more than 10 %",
    HoldReason.SAFETY_LOOSENED: "The connection was deleted and created again, with weaker safety than the last applied plan had",
    HoldReason.CONNECTION_CHANGED: "The last applied plan of this source was for a connection with another name, or for an earlier one of this name; "
    "whoever decides must be allowed to approve on both",
    HoldReason.RESTORE: "This plan takes back what an earlier run changed, so a person must look at it",
    HoldReason.PREVIEW: "Preview is on: a person must look at every plan that changes something",
    HoldReason.FIRST_IMPORT: "This is the first import of this source, and the connection asks to look at it",
}


_NAMES_SCHOOL = (HoldReason.SCHOOL_EMPTIED, HoldReason.SCHOOL_VANISHED)


def sentence(hold: Hold) -> str:
    """`Deletes 312 of 1,204 Students (25.9 %), limit 10 %.`"""
    text = _sentence(hold)
    at = f", at school {hold.school}" if hold.school and hold.reason not in _NAMES_SCHOOL else ""
    return f"{text}{at}."


def _sentence(hold: Hold) -> str:
    count, population, who = hold.count or 0, hold.population or 0, hold.entity
    match hold.reason:
        case HoldReason.THRESHOLD:
            verb = VERBS[hold.change or "Any"]
            if hold.before:
                own = f"{number(count - hold.before)}, and {number(hold.before)} were within the {hold.window} before"
                verb = f"{verb} {own}, together"
            if count > population:  # a percentage above 100 means little, so both numbers are given
                of = f"{verb} {some(count, who)} where there were {number(population)}"
                return f"{of}, limit {number(hold.limit or 0)}{'' if hold.unit == 'Count' else ' %'}"
            of = f"{verb} {number(count)} of {some(population, who)}"
            if hold.unit == "Count":
                return f"{of}, limit {number(hold.limit or 0)}"
            share = percent(count, population)
            return f"{of}{f' ({share})' if share else ''}, limit {hold.limit} %"
        case HoldReason.SAFETY_LOOSENED if population:
            whose = "another source" if population == 1 else f"{number(population)} other sources"
            return f"This is the first plan of this source, and the store holds records of {whose}"
        case HoldReason.ENTITY_EMPTIED:
            return f"None of {some(population, who)} would be left"
        case HoldReason.SCHOOL_EMPTIED:
            if hold.change is None:
                return (
                    f"School {hold.school}, which is gone, had {some(population, who)}. Those that are not sent elsewhere are "
                    "kept, but do not count as its members any more"
                )
            had = f" of {number(population)}" if population else ""
            return f"School {hold.school} would lose its last {who.value if who else 'record'}{had}"
        case HoldReason.SCHOOL_VANISHED:
            return (
                f"School {hold.school} is gone from the source; it had {number(count)} people and classes. Those that are "
                "not sent elsewhere are kept until the school is back or is removed from the mapping"
            )
        case HoldReason.RE_KEYED:
            return (
                f"{number(count)} of {number(population)} deleted {PLURALS[who] if who else 'records'} come back under "
                "other ids: the source seems to have issued new sourcedIds"
            )
        case HoldReason.RELINKED:
            return (
                f"{some(count, who)} of the roster would no longer be what {'it was' if count == 1 else 'they were'} one with in "
                "another source, or be one with somebody else: look at each with diff --roster"
            )
        case HoldReason.RESTORED_RECORDS:
            return f"Would undo {some(count, who)} that were restored within the last 30 days"
        case HoldReason.REQUIREMENT_HOLD:
            return f"{some(count, who)} {'does' if count == 1 else 'do'} not meet a data requirement with action Hold"
        case reason:
            text = _NEEDS_NO_NUMBERS[reason]
            return f"{text} ({some(count, who)} would change)" if hold.count else text
