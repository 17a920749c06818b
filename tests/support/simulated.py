"""The simulator for tests, and the plainest client that can read all of it."""

from typing import Any, Self

import httpx

from rostersync.simulator.district import District
from rostersync.simulator.layout import Size
from rostersync.simulator.roster import Roster
from rostersync.simulator.server import Simulator

Row = dict[str, Any]


def simulated(students: int = 120, *, seed: int = 7, guardians: float = 1.4, **options: Any) -> Simulator:
    """A simulator with a made-up district; use it as a context manager."""
    return Simulator(District(Size(students, guardians), seed), **options)


def everything(roster: Roster, collection: str) -> list[Row]:
    """All rows of a collection, without HTTP."""
    return list(roster.rows(collection, 0, roster.total(collection), ""))


def ids(roster: Roster, collection: str) -> list[str]:
    """The sourcedIds of a collection, without HTTP."""
    return [row["sourcedId"] for row in everything(roster, collection)]


class Client(httpx.Client):
    """A client with a token, that knows nothing but the happy path."""

    def __init__(self, simulator: Simulator, **options: Any) -> None:
        super().__init__(**options)
        self.service, self._simulator = simulator.url, simulator

    def __enter__(self) -> Self:
        super().__enter__()
        both = {"client_id": self._simulator.client_id, "client_secret": self._simulator.client_secret}
        answer = self.post(self._simulator.token_url, data={"grant_type": "client_credentials", **both})
        self.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return self

    def page(self, collection: str, **query: Any) -> httpx.Response:
        """One page."""
        return self.get(f"{self.service}/{collection}", params={k: str(v) for k, v in query.items()})

    def all(self, collection: str, key: str | None = None, limit: int = 500) -> list[Row]:
        """Every row, by following pagination.next."""
        rows: list[Row] = []
        url = f"{self.service}/{collection}?limit={limit}&offset=0&sort=sourcedId&orderBy=asc"
        while url:
            body = self.get(url).json()
            rows += body[key or collection]
            url = body["pagination"]["next"]
        return rows
