"""What becomes of a record that is not accepted. Standard library only."""

from enum import StrEnum


class Fate(StrEnum):
    """Why a record, pulled or to be restored, is not accepted. In order of precedence: if several apply, the first one counts."""

    NOT_TAKEN = "NotTaken"  # its entity is not imported, or it is about somebody who is not
    CONTRADICTORY = "ContradictoryRows"  # rows with the same id contradict each other, so that none counts
    REMOVED = "Removed"  # the source says so
    UNKNOWN_STATUS = "UnknownStatus"
    UNKNOWN_ROLE = "UnknownRole"
    SCHOOL_UNMAPPED = "SchoolUnmapped"
    FILTERED_OUT = "FilteredOut"
    KEPT = "Kept"  # a school that stays as it was first imported
    REQUIREMENT_REMOVE = "RequirementRemove"
    REQUIREMENT_SKIPPED = "RequirementSkipped"
    DUPLICATE = "Duplicate"
    ID_TAKEN = "IdTaken"  # another source has a record of this id, and no domain says that they are one
    UNMATCHED = "Unmatched"  # its source only adds to records of others, and none of these is the same
    GONE = "Gone"  # a record that it requires is deleted by this plan, and so is the record itself
    DANGLING_REFERENCE = "DanglingReference"  # a record that it requires does not exist
    CHANGED_SINCE = "ChangedSince"  # a restore leaves it alone, since a later plan changed it
    NEEDED = "StillNeeded"  # a restore leaves an organisation, since somebody has no other


# Counted as duplicates; and all that is held back: neither accepted nor out of scope, so it never deletes.
DUPLICATES = (Fate.CONTRADICTORY, Fate.DUPLICATE)
HELD_BACK = (
    Fate.CONTRADICTORY,
    Fate.UNKNOWN_STATUS,
    Fate.UNKNOWN_ROLE,
    Fate.REQUIREMENT_REMOVE,
    Fate.REQUIREMENT_SKIPPED,
    Fate.DUPLICATE,
    Fate.ID_TAKEN,
    Fate.UNMATCHED,
    Fate.DANGLING_REFERENCE,
    Fate.CHANGED_SINCE,
    Fate.NEEDED,
)
