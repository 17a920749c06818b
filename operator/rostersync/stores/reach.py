"""What a store on a server may contact, as whoever opens it says."""

from collections.abc import Callable, Sequence
from typing import Protocol


class Reach(Protocol):
    """Names and addresses. `resolve` gives the addresses of a name, or raises OSError."""

    @property
    def resolve(self) -> Callable[[str, int], Sequence[str]]:
        """Looks up a host and port."""
        ...

    def refusal(self, address: str) -> str | None:
        """Why an address may not be contacted. None if it may."""
        ...
