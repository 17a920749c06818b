"""Whether the pages of a pull join up."""


class Continuity:
    """Whether each page begins where the previous one ended, although records come and go while pages are read.

    Offsets count from the front. When a record goes, those after it move up, and one that was never read can fall
    between two pages although every count agrees. So each page is asked for together with the record in front of it. On
    a server that keeps an order, pages that all join up have missed no record that was there the whole time.
    """

    def __init__(self) -> None:
        self._begins: dict[int, str] = {}
        self._ends: dict[int, str | None] = {}

    def begins(self, offset: int, before: str) -> None:
        """Note that the record in front of the page at `offset` has the id `before`."""
        self._begins[offset] = before

    def ends(self, offset: int, last: str | None) -> None:
        """Note that the last record of the page that reaches to `offset` has the id `last`."""
        self._ends[offset] = last

    def hold(self) -> bool:
        """Whether all pages so far join up."""
        return all(self._ends.get(at) == id_ for at, id_ in self._begins.items())
