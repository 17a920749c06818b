"""The systems that the simulator can be: their addresses, tokens, limits and errors, as far as they are known."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rostersync.simulator.tokens import LIFETIME

DEMOGRAPHICS = "roster-demographics.readonly"  # how the scope ends that lets a token read demographics


@dataclass(frozen=True)
class SIS:
    """A system. Addresses are paths; `base` has one for each version that it speaks, the first being the usual one.

    `tokens` is where tokens are fetched, below which the query must have `asked`; empty: the base and /token.
    `lifetime` is in seconds; `reissues`: a token that is still good is given out again. `signs` are the versions that
    take OAuth 1.0a signatures, and `users`: they are made with a user's key, too. `most_rows`: more are refused, or
    cut where `clamps`. `most_at_once` is a number of requests. `in_body`: pages name the next one and the total in
    their body, besides headers. `strict`: sorting by a field that there is not is refused. `scoped`: demographics need
    a token that was asked for with their scope. `invalid` is what a 400 calls itself.
    """

    title: str
    base: Mapping[str, str]
    tokens: str = ""
    asked: Mapping[str, str] = field(default_factory=dict)
    missing: str = ""  # the error where the query lacks what must be asked
    lifetime: float = 3600.0
    reissues: bool = False
    signs: frozenset[str] = frozenset()
    users: bool = False
    most_rows: int | None = None
    clamps: bool = False
    most_at_once: int | None = None
    in_body: bool = False
    strict: bool = False
    scoped: bool = False
    invalid: str = "invaliddata"


PROFILES: dict[str, SIS] = {
    "focus": SIS(
        "Focus",
        {"1.1": "/focus/api/1.0/ims/oneroster/v1p1", "1.2": "/focus/api/1.0/ims/oneroster/rostering/v1p2"},
        lifetime=LIFETIME,
        reissues=True,
        in_body=True,
    ),
    "infinite-campus": SIS(
        "Infinite Campus",
        {
            "1.2": "/campus/api/oneroster/v1p2/simulated/ims/oneroster/rostering/v1p2",
            "1.1": "/campus/oneroster/simulated/ims/oneroster/v1p1",
        },
        tokens="/campus/oauth2/token",
        asked={"appName": "simulated"},
        missing="No Campus Application selected",
        lifetime=7199.0,
        signs=frozenset({"1.1"}),
        most_rows=10_000,
        most_at_once=5,
        strict=True,
        scoped=True,
        invalid="invalid data",
    ),
    "illuminate": SIS(
        "Illuminate",
        {"1.1": "/live/rest_server.php/Api/ims/oneroster/v1p1"},
        tokens="/live/",
        asked={"OAuth2_AccessToken": ""},
        missing="unknown page",
        lifetime=3600.0,
        signs=frozenset({"1.1"}),
        users=True,
        most_rows=1_000,
        clamps=True,
    ),
}
"""By their name on the command line."""
