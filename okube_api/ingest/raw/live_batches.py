"""Keeps in memory which batches count, so that a change of an application with many of them need not read them all."""

from collections import OrderedDict
from collections.abc import Mapping

from okube_api.ingest.events.tables import LEDGER
from okube_api.ingest.raw.reader import read_live_batches
from okube_api.store.protocol import Reader, Store

_MAX_APPLICATIONS = 20


class LiveBatches:
    """The kind of events of each batch that counts, by batch number, of the applications that changed last.

    They are right for one version of the ledger, and read again for another.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._by_application: OrderedDict[str, tuple[str, dict[int, str]]] = OrderedDict()
        self._read: dict[str, dict[int, str]] = {}

    async def read(self, application: str, view: Reader) -> Mapping[int, str]:
        """Return the batches that count in a view.  One call at a time for an application; in any thread."""
        version, stored = self._by_application.get(application, ("", {}))
        live = stored if version == view.version_of(LEDGER) else await read_live_batches(view)
        self._read[application] = live
        return live

    async def add(self, application: str, batches: Mapping[int, str]) -> None:
        """Keep what was read last, with the batches that a change has added since then.

        No other change of the application may have been made meanwhile.
        """
        live = self._read.pop(application, None)
        if live is None or not self._store.is_exclusive:  # another process may change it at any time
            return
        live |= batches
        async with self._store.open_reader(application) as view:
            self._by_application[application] = view.version_of(LEDGER), live
        self._by_application.move_to_end(application)
        while len(self._by_application) > _MAX_APPLICATIONS:
            self._by_application.popitem(last=False)
