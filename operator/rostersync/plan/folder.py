"""The files of a plan's folder. The pipeline writes them, pages read them, and an apply verifies them."""

MANIFEST = "manifest.json"
CHANGES = "changes"  # a folder with a file for each entity that has changes
ISSUES = "issues.parquet"  # what is wrong with records
NOTES = "notes.parquet"  # what else people should know about records
ORGS = "orgs.parquet"  # names of organisations
REKEYED = "rekeyed.parquet"  # old and new ids of the same things


def changes_of(entity: str) -> str:
    """The file of an entity's changes, as a path within the folder."""
    return f"{CHANGES}/{entity}.parquet"
