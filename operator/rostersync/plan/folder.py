"""The files of a plan's folder: the pipeline writes them, pages read them, an apply verifies them."""

MANIFEST = "manifest.json"
CHANGES = "changes"  # a folder with a file for each entity that has any
ISSUES = "issues.parquet"  # what is wrong with records
NOTES = "notes.parquet"  # what else people should know of records
ORGS = "orgs.parquet"  # what organisations are called
REKEYED = "rekeyed.parquet"  # old and new ids of the same things


def changes_of(entity: str) -> str:
    """Where the changes of an entity lie, as a path within the folder."""
    return f"{CHANGES}/{entity}.parquet"
