"""What becomes of a pulled record that is not accepted. Standard library only."""

from enum import StrEnum


class Fate(StrEnum):
    """Why a pulled record is not accepted, in order of precedence: of several that apply, a record has the first."""

    NOT_TAKEN = "NotTaken"  # its entity is not taken, or it is about somebody who is not
    CONTRADICTORY = "ContradictoryRows"  # rows of one id say different things, so that none is believed
    REMOVED = "Removed"  # the source says so
    UNKNOWN_STATUS = "UnknownStatus"
    UNKNOWN_ROLE = "UnknownRole"
    SCHOOL_UNMAPPED = "SchoolUnmapped"
    FILTERED_OUT = "FilteredOut"
    KEPT = "Kept"  # a school that stays as it was first imported
    REQUIREMENT_REMOVE = "RequirementRemove"
    REQUIREMENT_SKIPPED = "RequirementSkipped"
    DUPLICATE = "Duplicate"
    GONE = "Gone"  # what it cannot be without leaves the store with this plan, and so does the record
    DANGLING_REFERENCE = "DanglingReference"  # what it cannot be without is not there


# Counted as duplicates; and all that is held back: neither accepted nor out of scope, so it never deletes.
DUPLICATES = (Fate.CONTRADICTORY, Fate.DUPLICATE)
HELD_BACK = (
    Fate.CONTRADICTORY,
    Fate.UNKNOWN_STATUS,
    Fate.UNKNOWN_ROLE,
    Fate.REQUIREMENT_REMOVE,
    Fate.REQUIREMENT_SKIPPED,
    Fate.DUPLICATE,
    Fate.DANGLING_REFERENCE,
)
