"""Whether the pages of a pull fit together."""


class Continuity:
    """Whether each page begins where the one before ended, when records come and go while pages are read.

    Offsets count from the front: a record that goes shifts what follows, and one that was never read falls between two
    pages while every count agrees. So each page is asked for with the record in front of it, and where the server keeps
    an order, a record between the same two neighbours at every seam is on the page between them, whenever it was read.
    """

    def __init__(self) -> None:
        self._begins: dict[int, str] = {}
        self._ends: dict[int, str | None] = {}

    def begins(self, offset: int, before: str) -> None:
        """The record in front of the page at `offset` has the id `before`."""
        self._begins[offset] = before

    def ends(self, offset: int, last: str | None) -> None:
        """The last record of the page that reaches to `offset` has the id `last`."""
        self._ends[offset] = last

    def hold(self) -> bool:
        """Whether all pages so far fit together."""
        return all(self._ends.get(at) == id_ for at, id_ in self._begins.items())
