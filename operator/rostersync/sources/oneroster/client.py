"""A OneRoster 1.1 or 1.2 service as a source."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rostersync.errors import RostersyncError
from rostersync.sources.network import Network
from rostersync.sources.oneroster.by_id import look_up
from rostersync.sources.oneroster.check import check
from rostersync.sources.oneroster.decode import Decoder
from rostersync.sources.oneroster.decode_process import DecodeProcess
from rostersync.sources.oneroster.endpoint import ServiceEndpoint
from rostersync.sources.oneroster.pull import Pull
from rostersync.sources.oneroster.redaction import Redaction
from rostersync.sources.oneroster.request_errors import unreadable
from rostersync.sources.oneroster.transport import Transport, Waiting
from rostersync.sources.port import CheckResult, Credentials, LookedUp, Page, Reading


class OneRoster:
    """Implements sources.port.Source. Close it at the end, or use it in a `with`."""

    def __init__(self, endpoint: ServiceEndpoint, credentials: Credentials, network: Network | None = None) -> None:
        self.version = endpoint.version
        self._today = endpoint.today
        self._redaction = Redaction(credentials)
        self._transport = Transport(endpoint, credentials, self._redaction.add, network)
        self._decode_process = DecodeProcess()
        self._doubted: Counter[str] = Counter()  # pulls with contradictory answers, by collection

    def pull(self, collection: str, metadata: frozenset[str], sink: Callable[[Page], None]) -> Reading:
        """Read a whole collection once (port.Source.pull)."""
        with self._redaction.kept(), self._told():
            # Pages of another size have other edges, so a doubt that only came from an edge does not come again.
            rows = max(1, self._transport.endpoint.page_size - self._doubted[collection])
            required = collection in self._transport.endpoint.required
            decoder = Decoder(collection, metadata, self._decode_process, today=self._today, required=required)
            reading = Pull(self._transport, decoder, sink, rows).run()
            self._doubted[collection] += bool(reading.doubts)
            return reading

    def look_up(
        self, collection: str, ids: Sequence[str], until: float, answered: Callable[[], None] = lambda: None
    ) -> LookedUp:
        """Ask for single records (port.Source.look_up)."""
        transport = self._transport
        patient, transport.patient = transport.patient, False  # a run does not wait ten minutes for a proof
        transport.until = until
        try:
            return look_up(transport, collection, ids, answered)
        finally:
            transport.patient, transport.until = patient, None

    def on_wait(self, told: Waiting) -> None:
        """Report what is waited for (port.Source.on_wait)."""
        self._transport.waiting = told

    def check(self, skip: frozenset[str] = frozenset()) -> CheckResult:
        """Test Connection (port.Source.check)."""
        self._transport.patient = False  # a person is waiting
        with self._redaction.kept(), self._told():
            return check(self._transport, skip)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Where details could reveal what else is in the network, replace every error by the same sentence."""
        try:
            yield
        except RostersyncError as error:
            if self._transport.veiled and error.reason != "AddressRefused":
                raise unreadable(error, self._transport.endpoint) from None
            raise

    def close(self) -> None:
        """Close the connections."""
        self._decode_process.close()
        self._transport.close()

    def __enter__(self) -> "OneRoster":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
