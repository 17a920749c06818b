"""The files of a plan's folder. The pipeline writes them, pages read them, and an apply verifies them."""

MANIFEST = "manifest.json"
CHANGES = "changes"  # a folder with a file for each entity that has changes
ISSUES = "issues.parquet"  # what is wrong with records
NOTES = "notes.parquet"  # what else people should know about records
ORGS = "orgs.parquet"  # names of organisations
REKEYED = "rekeyed.parquet"  # old and new ids of the same things
ROSTER = "roster"  # the same as `changes`, of the roster that several sources make together
LINKS = "links.parquet"  # which records of these sources are one, where that changes
OWNERS = "owners.parquet"  # whose values are not overridden, where that changes


def changes_of(entity: str) -> str:
    """The file of an entity's changes, as a path within the folder."""
    return f"{CHANGES}/{entity}.parquet"


def roster_changes_of(entity: str) -> str:
    """The file of what an entity's changes come to in the roster of several sources."""
    return f"{ROSTER}/{entity}.parquet"
