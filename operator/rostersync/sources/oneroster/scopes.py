"""The OAuth 2 scopes of OneRoster that let a client read a collection."""

_BASE = "https://purl.imsglobal.org/spec/or/{}/scope/{}.readonly"
_FORBIDDEN = 403


def lacking(status: int | None, version: str, collection: str, oauth2: bool) -> str:
    """The scope that the token may lack, after a 403; else empty."""
    if status != _FORBIDDEN or not oauth2:
        return ""
    release = "v1p2" if version.startswith("1.2") else "v1p1"
    part = "roster-demographics" if collection == "demographics" else "roster-core"
    return _BASE.format(release, part)


def missing(status: int, version: str, collection: str, oauth2: bool) -> str:
    """What to do after a 403, as the end of a sentence that names the scope that may be missing; else empty."""
    scope = lacking(status, version, collection, oauth2)
    return scope and (
        f"; 403 may mean that the token lacks the scope {scope}: add it to deliveryConfig.scope, "
        "and let the SIS grant it to this client"
    )
