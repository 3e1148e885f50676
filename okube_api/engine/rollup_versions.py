"""The version of the rollups of each fact, which says whether the newest of them have rows for all days.

After an upgrade, rollups that are new have no rows until the facts are rebuilt.  Questions are then answered from the
other rollups.
"""

from collections.abc import Iterable
from dataclasses import replace

import pyarrow as pa

from okube_api.catalogue.facts import ROLLUP_VERSION, ROLLUP_VERSIONS
from okube_api.engine.question import Question
from okube_api.store.conditions import EVERYTHING
from okube_api.store.plans import Select
from okube_api.store.protocol import Change, Reader


async def read_complete_facts(reader: Reader) -> frozenset[str]:
    """Return the names of the facts that have all rollups of the present version."""
    rows = await reader.select(Select(ROLLUP_VERSIONS, EVERYTHING, ("fact", "version")))
    versions = zip(rows["fact"].to_pylist(), rows["version"].to_pylist(), strict=True)
    return frozenset(fact for fact, version in versions if version >= ROLLUP_VERSION)


async def mark_complete(change: Change, facts: Iterable[str]) -> None:
    """Record that these facts, too, have all rollups of the present version."""
    complete = await read_complete_facts(change)
    if complete.issuperset(facts):
        return
    rows = [{"part": 0, "fact": fact, "version": ROLLUP_VERSION} for fact in sorted(complete.union(facts))]
    schema = pa.schema({"part": pa.int64(), "fact": pa.string(), "version": pa.int64()})
    await change.replace(ROLLUP_VERSIONS, [0], pa.Table.from_pylist(rows, schema=schema))


async def with_complete_facts(question: Question, reader: Reader) -> Question:
    """Return the question with the facts whose newest rollups the planner may choose."""
    return replace(question, complete_facts=await read_complete_facts(reader))
