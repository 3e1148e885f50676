"""The cache of panels: each version of an application's panel is read once, and those used last are kept."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pyarrow as pa
import pytest
from okube_api.catalogue.facts import PANELISTS
from okube_api.engine.panel_cache import PanelCache
from okube_api.store.conditions import EVERYTHING, Condition
from okube_api.store.schema import Table

from tests.engine.memory import Memory

pytestmark = pytest.mark.anyio


def build_rows(*weights: int) -> list[dict[str, Any]]:
    """Return the records of users 0, 1, 2, ... with these weights."""
    attributes = {"home": "693820101", "work": None, "os": "ios", "manufacturer": None, "model": "P9"}
    return [{"part": 0, "user": user, "weight": weight, **attributes} for user, weight in enumerate(weights)]


class CountingReader(Memory):
    """A reader that counts the reads of the panel, and yields to other tasks while it reads."""

    def __init__(self, version: str, *weights: int) -> None:
        super().__init__({PANELISTS.name: build_rows(*weights)})
        self.panel_version, self.read_count = version, 0

    @property
    def version(self) -> str:
        return self.panel_version

    async def read_parts(
        self, table: Table, low: int, high: int, where: Condition = EVERYTHING
    ) -> AsyncIterator[pa.Table]:
        self.read_count += 1
        await asyncio.sleep(0)
        async for block in super().read_parts(table, low, high, where):
            yield block


async def test_concurrent_questions_read_a_version_once() -> None:
    panels, reader, later = PanelCache(), CountingReader("1", 500, 700), CountingReader("2", 500, 900)
    results = await asyncio.gather(*(panels.get("a", reader) for _ in range(5)))
    assert reader.read_count == 1
    assert all(panel is results[0] for panel in results)
    assert (await panels.get("a", later)).weights.tolist() == [500, 900]
    assert (await panels.get("a", reader)).weights.tolist() == [500, 700]  # a question that started before the change
    assert (reader.read_count, later.read_count) == (2, 1)


async def test_each_application_has_its_own_panel() -> None:
    panels, ours, theirs = PanelCache(), CountingReader("1", 500), CountingReader("1", 900)
    for _ in range(2):
        assert (await panels.get("a", ours)).weights.tolist() == [500]
        assert (await panels.get("b", theirs)).weights.tolist() == [900]
    assert (ours.read_count, theirs.read_count) == (1, 1)


async def test_panels_used_last_stay_in_the_cache() -> None:
    panels = PanelCache(max_users=5)
    readers = {name: CountingReader("1", 1, 2) for name in "abc"}
    for name in "abac":
        await panels.get(name, readers[name])
    await panels.get("a", readers["a"])
    await panels.get("b", readers["b"])
    assert {name: reader.read_count for name, reader in readers.items()} == {"a": 1, "b": 2, "c": 1}


async def test_attributes_have_the_smallest_integer_type() -> None:
    panel = await PanelCache().get("a", CountingReader("1", 1, 2))
    assert panel.attribute("os").codes.dtype.itemsize == 1
    assert [panel.attribute("os").names[code] for code in panel.attribute("os").codes_of(panel.weights * 0)] == [
        "ios",
        "ios",
    ]
    assert panel.attribute("work").codes_of(panel.weights * 0).tolist() == [-1, -1]
