"""Panels in memory: read once for each version of an application's rows, by however many ask, and not too many held."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pyarrow as pa
import pytest
from okube_api.catalogue.facts import PANELISTS
from okube_api.engine.panels import PanelCache
from okube_api.store.schema import Table

from tests.engine.memory import Memory

pytestmark = pytest.mark.anyio


def rows(*weights: int) -> list[dict[str, Any]]:
    """The records of users 0, 1, 2, ..."""
    attributes = {"home": "693820101", "work": None, "os": "ios", "manufacturer": None, "model": "P9"}
    return [{"part": 0, "user": user, "weight": weight, **attributes} for user, weight in enumerate(weights)]


class Counting(Memory):
    """A reader that counts how often the panel is read, and takes its time."""

    def __init__(self, version: str, *weights: int) -> None:
        super().__init__({PANELISTS.name: rows(*weights)})
        self.named, self.read_s = version, 0

    @property
    def version(self) -> str:
        return self.named

    async def read_parts(self, source: Table, low: int, high: int) -> AsyncIterator[pa.Table]:
        self.read_s += 1
        await asyncio.sleep(0)
        async for block in super().read_parts(source, low, high):
            yield block


async def test_a_panel_is_read_once_for_a_version() -> None:
    panels, reader, later = PanelCache(), Counting("1", 500, 700), Counting("2", 500, 900)
    found = await asyncio.gather(*(panels.get("a", reader) for _ in range(5)))
    assert reader.read_s == 1
    assert all(one is found[0] for one in found)
    assert (await panels.get("a", later)).weights.tolist() == [500, 900]
    assert (await panels.get("a", reader)).weights.tolist() == [500, 700]  # a question that began before the change
    assert (reader.read_s, later.read_s) == (2, 1)


async def test_applications_are_kept_apart() -> None:
    panels, ours, theirs = PanelCache(), Counting("1", 500), Counting("1", 900)
    for _ in range(2):
        assert (await panels.get("a", ours)).weights.tolist() == [500]
        assert (await panels.get("b", theirs)).weights.tolist() == [900]
    assert (ours.read_s, theirs.read_s) == (1, 1)


async def test_those_used_last_are_kept() -> None:
    panels = PanelCache(most_users=5)
    readers = {name: Counting("1", 1, 2) for name in "abc"}
    for name in "abac":
        await panels.get(name, readers[name])
    await panels.get("a", readers["a"])
    await panels.get("b", readers["b"])
    assert {name: reader.read_s for name, reader in readers.items()} == {"a": 1, "b": 2, "c": 1}


async def test_an_attribute_takes_no_more_room_than_it_needs() -> None:
    panel = await PanelCache().get("a", Counting("1", 1, 2))
    assert panel.attribute("os").codes.dtype.itemsize == 1
    assert [panel.attribute("os").names[code] for code in panel.attribute("os").codes_of(panel.weights * 0)] == [
        "ios",
        "ios",
    ]
    assert panel.attribute("work").codes_of(panel.weights * 0).tolist() == [-1, -1]
