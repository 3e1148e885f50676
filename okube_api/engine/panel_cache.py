"""Cache of panels by application."""

import asyncio
from collections import OrderedDict, defaultdict

from okube_api.catalogue.facts import PANELISTS
from okube_api.engine.panel import Panel, build_panel
from okube_api.store.protocol import Reader

_MAX_USERS = 4_000_000


class PanelCache:
    """The panels used last, by application, up to a number of users in all.

    An entry is valid until the panelists of its application change.
    """

    def __init__(self, max_users: int = _MAX_USERS) -> None:
        self._max_users = max_users
        self._panels: OrderedDict[str, tuple[str, Panel]] = OrderedDict()
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def get(self, application: str, reader: Reader) -> Panel:
        """Return the panel of an application as the reader sees it; concurrent callers read it only once."""
        async with self._locks[application]:
            version, panel = self._panels.get(application, (None, None))
            if panel is None or version != reader.version_of(PANELISTS):
                panel = await read_panel(reader)
                self._panels[application] = (reader.version_of(PANELISTS), panel)
            self._panels.move_to_end(application)
            while len(self._panels) > 1 and sum(entry.size for _, entry in self._panels.values()) > self._max_users:
                self._panels.popitem(last=False)
            return panel


async def read_panel(reader: Reader) -> Panel:
    """Read the panel of the reader's application."""
    blocks = [block async for block in reader.read_parts(PANELISTS, 0, 0)]
    return await asyncio.to_thread(build_panel, blocks)
