"""The panels of applications, kept in memory for as long as the rows of panelists do not change."""

import asyncio
from collections import OrderedDict, defaultdict

from okube_api.catalogue.facts import PANELISTS
from okube_api.engine.panel import Panel, build_panel
from okube_api.store.protocol import Reader

_MOST_USERS = 4_000_000


class PanelCache:
    """Panels by application, those used last, up to a number of users."""

    def __init__(self, most_users: int = _MOST_USERS) -> None:
        self._most_users = most_users
        self._held: OrderedDict[str, tuple[str, Panel]] = OrderedDict()
        self._reading: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def get(self, application: str, reader: Reader) -> Panel:
        """What the application knows of its users, as the reader sees it; read once, however many ask."""
        async with self._reading[application]:
            version, found = self._held.get(application, (None, None))
            if found is None or version != reader.version_of(PANELISTS):
                found = await read_panel(reader)
                self._held[application] = (reader.version_of(PANELISTS), found)
            self._held.move_to_end(application)
            while len(self._held) > 1 and sum(one.size for _, one in self._held.values()) > self._most_users:
                self._held.popitem(last=False)
            return found


async def read_panel(reader: Reader) -> Panel:
    """What the application knows of its users."""
    blocks = [block async for block in reader.read_parts(PANELISTS, 0, 0)]
    return await asyncio.to_thread(build_panel, blocks)
