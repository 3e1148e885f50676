"""The comparison of the two stores: what counts as the same answer, the copy of resources, batches in turns."""

from pathlib import Path
from typing import Any

import pytest
from okube_api.bench.mongo import EMBEDDED, MONGODB, check_same_answers, copy_documents
from okube_api.bench.numbers import NumbersDiffer
from okube_api.bench.workloads import WORKLOADS
from okube_api.sites.repository import SITES
from okube_api.store import open_store
from okube_api.store.conditions import EVERYTHING
from okube_api.store_schema import SCHEMA
from okube_api.studies.repository import STUDIES


class FixedClient:
    """Answers each question with bytes that depend on its path and body, except for one of them."""

    def __init__(self, differs: str | None = None) -> None:
        self.differing = next((each for each in WORKLOADS if each.name == differs), None)

    def post(self, path: str, body: Any) -> bytes:
        """Return the answer of a question."""
        is_other = self.differing is not None and (path, body) == (self.differing.path, self.differing.body)
        return f"{'x' * 60}{path}{len(str(body))}{'?' if is_other else '!'}".encode()


def build_clients(differs: str | None = None) -> Any:
    """Return the clients of both stores; that of MongoDB gives another answer to one question."""
    return {EMBEDDED: FixedClient(), MONGODB: FixedClient(differs)}


def test_the_same_bytes_are_counted_for_every_question() -> None:
    lengths = check_same_answers(build_clients())
    assert lengths.keys() == {workload.name for workload in WORKLOADS}
    assert all(length > 60 for length in lengths.values())


@pytest.mark.parametrize("name", ["A1", "C1"])
def test_the_first_answer_that_differs_is_named(name: str) -> None:
    with pytest.raises(NumbersDiffer, match=rf"{name}: MongoDB returns b'.*\?' and the embedded store b'.*!'"):
        check_same_answers(build_clients(name))


@pytest.fixture
def sites() -> list[dict[str, Any]]:
    """Return two sites as they are stored."""
    return [
        {"_id": f"{number:024x}", "application": "a" * 24, "key": f"s{number}", "name": f"Site {number}"}
        for number in range(2)
    ]


@pytest.mark.anyio
async def test_resources_keep_their_ids_when_they_are_copied(tmp_path: Path, sites: list[dict[str, Any]]) -> None:
    source, target = (open_store(f"duckdb:{tmp_path / name}.duckdb", SCHEMA) for name in ("source", "target"))
    await source.start()
    await target.start()
    try:
        await source.insert(SITES, sites)
        await copy_documents(source, target)
        assert await target.find(SITES, EVERYTHING) == await source.find(SITES, EVERYTHING) != []
        assert await target.find(STUDIES, EVERYTHING) == []
    finally:
        await source.close()
        await target.close()
