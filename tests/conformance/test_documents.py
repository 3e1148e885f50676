"""Tests of documents: writes of all or none, unique keys, compare-and-set, and caching."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import overload

import pytest
from okube_api.store.conditions import EVERYTHING, NOTHING, Contains, OneOf, Overlaps, equal
from okube_api.store.errors import Duplicate, UnsupportedByStore
from okube_api.store.protocol import Store
from okube_api.store.schema import SortKey
from okube_api.store.values import Json

from tests.conformance.conftest import MakeDocument
from tests.conformance.declared import DOCUMENTS, UNINDEXED

pytestmark = pytest.mark.anyio


async def find_all(store: Store, application: str) -> list[Json]:
    return await store.find(DOCUMENTS, equal("application", application))


async def test_document_round_trips(store: Store, application: str, make_document: MakeDocument) -> None:
    document = make_document(
        key="é",
        names=["a", "b"],
        address={"city": "Nîmes", "none": None},
        count=2**63 - 1,
        ratio=0.1,
        active=False,
        free={"deep": [{"list": [1, 2.5, None, True, "x"]}]},
    )
    await store.insert(DOCUMENTS, [document])
    assert await store.get(DOCUMENTS, equal("_id", document["_id"])) == document
    assert await store.get(DOCUMENTS, equal("application", application) & Overlaps("names", ("b",))) == document
    assert await store.get(DOCUMENTS, equal("_id", "nobody")) is None


async def test_returned_documents_are_copies(store: Store, application: str, make_document: MakeDocument) -> None:
    document = make_document(key="a", names=["a"])
    await store.insert(DOCUMENTS, [document])
    for _ in range(2):
        stored = await store.get(DOCUMENTS, equal("_id", document["_id"]))
        assert stored == document
        stored["names"].append("changed")
        (listed,) = await find_all(store, application)
        assert listed == document
        listed.clear()


async def test_get_returns_the_least_id(store: Store, application: str, make_document: MakeDocument) -> None:
    documents = [make_document(version=1) for _ in range(3)]
    await store.insert(DOCUMENTS, documents[::-1])
    assert await store.get(DOCUMENTS, equal("application", application) & equal("version", 1)) == documents[0]


async def test_find_returns_some_fields(store: Store, application: str, make_document: MakeDocument) -> None:
    document = make_document(
        key="a", names=["a", "b"], address={"city": "Metz", "street": "x"}, count=3, ratio=0.5, active=False
    )
    other = make_document(key=None, count=0, free={"a": 1})
    await store.insert(DOCUMENTS, [document, other])
    fields = ("key", "names", "address.city", "count", "active")
    own = equal("application", application)
    for _ in range(2):
        stored = await store.find(DOCUMENTS, own, fields=fields)
        assert stored == [
            {name: document[name] for name in ("_id", "key", "names", "count", "active")}
            | {"address": {"city": "Metz"}},
            {"_id": other["_id"], "count": 0},
        ]
        stored[0]["names"].clear()
    assert await store.find(DOCUMENTS, own, skip=1, limit=1, fields=()) == [{"_id": other["_id"]}]
    with pytest.raises(UnsupportedByStore):
        await store.find(DOCUMENTS, own, fields=("free",))


async def test_a_revision_changes_with_every_write(store: Store, application: str, make_document: MakeDocument) -> None:
    async def read_revision() -> str | None:
        for _ in range(100):
            with store.hold_revisions():
                await store.read_revisions()
                revision = store.revision(DOCUMENTS, UNINDEXED)
                assert store.revision(UNINDEXED, DOCUMENTS) == revision
            if revision is not None:
                return revision
            await asyncio.sleep(0.05)  # there is none while the maintenance of the store writes, too
        return None

    revisions = [await read_revision()]
    document, second, third = (make_document(key=key, version=1) for key in "abc")
    await store.insert(DOCUMENTS, [document])
    revisions.append(await read_revision())
    await store.insert(DOCUMENTS, [second, third])
    revisions.append(await read_revision())
    await store.replace(DOCUMENTS, equal("_id", document["_id"]), {**document, "version": 2})
    revisions.append(await read_revision())
    await store.write(DOCUMENTS, (), [second, {**third, "version": 2}])
    revisions.append(await read_revision())
    await store.update(DOCUMENTS, equal("_id", document["_id"]), {"active": True})
    revisions.append(await read_revision())
    await store.delete(DOCUMENTS, equal("_id", document["_id"]))
    revisions.append(await read_revision())
    assert len({*revisions, None}) == 8
    await store.count(DOCUMENTS, equal("application", application))
    assert await read_revision() == revisions[-1]


async def test_a_task_sees_its_own_write_in_the_revision(store: Store, make_document: MakeDocument) -> None:
    with store.hold_revisions():
        await store.read_revisions()
        before = store.revision(DOCUMENTS)
        assert before is not None
        await store.insert(DOCUMENTS, [make_document(key="a")])
        assert store.revision(DOCUMENTS) != before


async def test_collections_are_separate(store: Store, application: str, make_document: MakeDocument) -> None:
    document = {"_id": make_document()["_id"], "at": "2026-01-01T00:00:00.000Z"}
    await store.insert(UNINDEXED, [document])
    assert await store.count(DOCUMENTS, equal("_id", document["_id"])) == 0
    assert await store.get(UNINDEXED, equal("at", document["at"]) & equal("_id", document["_id"])) == document
    with pytest.raises(UnsupportedByStore):
        await store.count(UNINDEXED, Contains("x"))
    with pytest.raises(UnsupportedByStore):
        await store.count(UNINDEXED, equal("key", "x"))
    with pytest.raises(UnsupportedByStore):
        await store.find(DOCUMENTS, EVERYTHING, sort=(SortKey("names"),))


async def test_empty_reads_and_writes(store: Store, application: str) -> None:
    await store.insert(DOCUMENTS, [])
    await store.write(DOCUMENTS, (), ())
    assert await find_all(store, application) == []
    assert [block async for block in store.stream(DOCUMENTS, equal("application", application))] == []
    assert await store.delete(DOCUMENTS, equal("application", application)) == 0
    assert await store.update(DOCUMENTS, equal("application", application), {"version": 2}) == 0


async def test_stream_yields_every_document_in_bounded_blocks(
    store: Store, application: str, make_document: MakeDocument, document_count: int
) -> None:
    documents = [make_document(key=f"key {at}", count=at) for at in range(document_count)]
    await store.insert(DOCUMENTS, documents)
    blocks = [block async for block in store.stream(DOCUMENTS, equal("application", application))]
    assert [document for block in blocks for document in block] == documents
    assert max(map(len, blocks)) <= 1000
    down = store.stream(DOCUMENTS, equal("application", application), sort=(SortKey("count", descending=True),))
    assert [document["count"] async for block in down for document in block] == list(range(document_count - 1, -1, -1))


async def test_a_stream_left_early_leaves_nothing_open(
    store: Store, application: str, make_document: MakeDocument, document_count: int
) -> None:
    await store.insert(DOCUMENTS, [make_document() for _ in range(document_count)])
    for _ in range(20):
        stream = store.stream(DOCUMENTS, equal("application", application))
        async for block in stream:
            assert block
            break
        await stream.aclose()  # type: ignore[attr-defined]
    assert await store.count(DOCUMENTS, equal("application", application)) == document_count


# -- uniqueness


async def expect_duplicate(store: Store, inserts: Sequence[Json], replaces: Sequence[Json] = ()) -> Duplicate:
    """Return the error of a write, after checking that it changed nothing."""
    ids = OneOf("application", ((inserts or replaces)[0]["application"],))
    before = await store.find(DOCUMENTS, ids)
    with pytest.raises(Duplicate) as caught:
        await store.write(DOCUMENTS, inserts, replaces)
    assert await store.find(DOCUMENTS, ids) == before
    return caught.value


def describe(error: Duplicate) -> tuple[str, tuple[str, ...], int, object]:
    return error.collection, error.fields, error.index, error.value


async def test_a_taken_key_is_refused(store: Store, make_document: MakeDocument) -> None:
    await store.insert(DOCUMENTS, [make_document(key="a"), make_document(key="b")])
    error = await expect_duplicate(store, [make_document(key="b")])
    assert describe(error) == ("documents", ("application", "key"), 0, "b")
    error = await expect_duplicate(
        store, [make_document(key="x"), make_document(key="y"), make_document(key="a"), make_document(key="z")]
    )
    assert describe(error) == ("documents", ("application", "key"), 2, "a")


async def test_a_key_twice_in_one_write_is_refused(store: Store, make_document: MakeDocument) -> None:
    error = await expect_duplicate(store, [make_document(key="a"), make_document(key="b"), make_document(key="a")])
    assert describe(error) == ("documents", ("application", "key"), 2, "a")


async def test_a_taken_id_is_refused(store: Store, make_document: MakeDocument) -> None:
    document = make_document(key="a")
    await store.insert(DOCUMENTS, [document])
    error = await expect_duplicate(store, [{**document, "key": "b"}])
    assert describe(error) == ("documents", ("_id",), 0, document["_id"])
    error = await expect_duplicate(store, [make_document(), {**document, "key": "b"}])
    assert describe(error) == ("documents", ("_id",), 1, document["_id"])


async def test_each_of_several_names_is_unique(
    store: Store, make_document: MakeDocument, request: pytest.FixtureRequest
) -> None:
    await store.insert(DOCUMENTS, [make_document(names=["a", "b"]), make_document(names=[])])
    error = await expect_duplicate(store, [make_document(names=["x"]), make_document(names=["y", "b"])])
    assert describe(error) == ("documents", ("application", "names"), 1, "b")
    error = await expect_duplicate(store, [make_document(names=["z", "z"])])
    assert describe(error) == ("documents", ("application", "names"), 0, "z")
    await store.insert(DOCUMENTS, [make_document(names=["c"]), make_document(names=[])])


@pytest.mark.parametrize(
    "store", ["duckdb", "mongo"], indirect=True
)  # mongomock's unique indexes ignore the elements of lists
async def test_each_name_of_a_single_document_is_unique(store: Store, make_document: MakeDocument) -> None:
    await store.insert(DOCUMENTS, [make_document(names=["a", "b"])])
    error = await expect_duplicate(store, [make_document(names=["y", "b"])])
    assert describe(error) == ("documents", ("application", "names"), 0, "b")


async def test_null_and_absent_are_not_unique(store: Store, application: str, make_document: MakeDocument) -> None:
    documents = [
        make_document(),
        make_document(key=None),
        make_document(key=None, names=None),
        make_document(names=None),
        make_document(key=""),
    ]
    for document in documents:
        await store.insert(DOCUMENTS, [document])
    await store.insert(DOCUMENTS, [make_document(), make_document(key=None)])
    assert await store.count(DOCUMENTS, equal("application", application)) == 7
    assert describe(await expect_duplicate(store, [make_document(key="")]))[3] == ""


async def test_similar_texts_are_different_keys(store: Store, application: str, make_document: MakeDocument) -> None:
    keys = ["a", "A", "a ", " a", "é", "e\u0301", "1", "01", "日本"]
    await store.insert(DOCUMENTS, [make_document(key=key) for key in keys])
    assert [document["key"] for document in await find_all(store, application)] == keys


async def test_another_application_may_have_the_key(store: Store, make_document: MakeDocument) -> None:
    await store.insert(DOCUMENTS, [make_document(key="a")])
    other = make_document(key="a") | {"application": "e" * 24}
    await store.insert(DOCUMENTS, [other])
    assert await store.delete(DOCUMENTS, equal("_id", other["_id"])) == 1


async def test_a_large_write_with_one_duplicate_writes_nothing(
    store: Store, application: str, make_document: MakeDocument, document_count: int
) -> None:
    await store.insert(DOCUMENTS, [make_document(key="taken key", names=["taken"])])
    documents = [make_document(key=f"key {at}", names=[f"name {at}"]) for at in range(document_count)]
    documents[document_count - 5]["key"] = "taken key"
    assert describe(await expect_duplicate(store, documents)) == (
        "documents",
        ("application", "key"),
        document_count - 5,
        "taken key",
    )
    documents[document_count - 5]["key"] = "free"
    documents[document_count - 9]["names"] = ["fine", "taken"]
    assert describe(await expect_duplicate(store, documents)) == (
        "documents",
        ("application", "names"),
        document_count - 9,
        "taken",
    )
    documents[document_count - 9]["names"] = ["fine"]
    await store.insert(DOCUMENTS, documents)
    assert await store.count(DOCUMENTS, equal("application", application)) == document_count + 1


class LazyDocuments(Sequence[Json]):
    """Documents that are created each time they are read, like those of a file."""

    def __init__(self, documents: Sequence[Json]) -> None:
        self._documents, self.passes = documents, 0

    def __len__(self) -> int:
        return len(self._documents)

    @overload
    def __getitem__(self, at: int) -> Json: ...
    @overload
    def __getitem__(self, at: slice) -> list[Json]: ...
    def __getitem__(self, at: int | slice) -> Json | list[Json]:
        return (
            dict(self._documents[at]) if isinstance(at, int) else [dict(document) for document in self._documents[at]]
        )

    def __iter__(self) -> Iterator[Json]:
        self.passes += 1
        return (dict(document) for document in self._documents)


async def test_documents_may_be_created_lazily(
    store: Store, application: str, make_document: MakeDocument, document_count: int
) -> None:
    old = [make_document(key=f"old {at}", count=at) for at in range(30)]
    await store.insert(DOCUMENTS, old)
    new = LazyDocuments([make_document(key=f"new {at}") for at in range(document_count // 2)])
    changed = LazyDocuments([{**document, "key": f"renamed {at}"} for at, document in enumerate(old)])
    await store.write(DOCUMENTS, new, changed)
    assert await find_all(store, application) == [*changed, *new]
    assert new.passes <= 5


# -- replacing


async def test_replace_checks_its_condition(store: Store, make_document: MakeDocument) -> None:
    document = make_document(key="a", version=1)
    await store.insert(DOCUMENTS, [document])
    same = equal("_id", document["_id"])
    assert await store.replace(DOCUMENTS, same & equal("version", 1), {**document, "version": 2})
    assert not await store.replace(DOCUMENTS, same & equal("version", 1), {**document, "version": 3, "key": "lost"})
    assert not await store.replace(DOCUMENTS, equal("version", 2), make_document(key="nobody has this id"))
    assert await store.get(DOCUMENTS, same) == {**document, "version": 2}


async def test_one_of_concurrent_replaces_succeeds(store: Store, make_document: MakeDocument) -> None:
    document = make_document(key="a", version=1)
    await store.insert(DOCUMENTS, [document])
    where = equal("_id", document["_id"]) & equal("version", 1)
    won = await asyncio.gather(
        *(store.replace(DOCUMENTS, where, {**document, "version": 2, "count": at}) for at in range(20))
    )
    assert sum(won) == 1
    stored = await store.get(DOCUMENTS, equal("_id", document["_id"]))
    assert stored is not None
    assert stored["count"] == won.index(True)


async def test_one_of_concurrent_inserts_of_a_key_succeeds(
    store: Store, application: str, make_document: MakeDocument
) -> None:
    async def insert(at: int) -> bool:
        try:
            await store.insert(DOCUMENTS, [make_document(key="same", count=at)])
        except Duplicate:
            return False
        return True

    assert sum(await asyncio.gather(*map(insert, range(20)))) == 1
    assert await store.count(DOCUMENTS, equal("application", application)) == 1


async def test_a_replace_may_keep_its_key_but_not_use_another_documents(
    store: Store, make_document: MakeDocument
) -> None:
    document, other = (
        make_document(key="a", names=["a", "b"], version=1),
        make_document(key="c", names=["c"], version=1),
    )
    await store.insert(DOCUMENTS, [document, other])
    assert await store.replace(DOCUMENTS, equal("_id", document["_id"]), {**document, "names": ["b", "d"]})
    assert await store.replace(DOCUMENTS, equal("_id", other["_id"]), {**other, "key": "e", "names": ["a", "c"]})
    with pytest.raises(Duplicate) as caught:
        await store.replace(DOCUMENTS, equal("_id", other["_id"]), {**other, "key": "a"})
    assert describe(caught.value) == ("documents", ("application", "key"), 0, "a")
    assert await store.get(DOCUMENTS, equal("_id", other["_id"])) == {**other, "key": "e", "names": ["a", "c"]}


async def test_write_inserts_and_replaces_together(store: Store, application: str, make_document: MakeDocument) -> None:
    document, other = make_document(key="a"), make_document(key="b")
    await store.insert(DOCUMENTS, [document, other])
    new = make_document(key="a")  # takes the key that another gives up
    await store.write(DOCUMENTS, [new], [{**document, "key": "c"}, {**other, "key": "d"}])
    assert {each["_id"]: each["key"] for each in await find_all(store, application)} == {
        document["_id"]: "c",
        other["_id"]: "d",
        new["_id"]: "a",
    }
    error = await expect_duplicate(store, [make_document(key="x")], [{**document, "key": "y"}, {**other, "key": "a"}])
    assert describe(error) == ("documents", ("application", "key"), 2, "a")


async def test_update_changes_every_match(store: Store, application: str, make_document: MakeDocument) -> None:
    await store.insert(DOCUMENTS, [make_document(key=f"k{at}", count=at, address={"city": "Metz"}) for at in range(5)])
    own = equal("application", application)
    selected = own & OneOf("count", (1, 3))
    assert await store.update(DOCUMENTS, selected, {"active": True, "free": {"a": 1}}) == 2
    assert [document["count"] for document in await store.find(DOCUMENTS, own & equal("active", True))] == [1, 3]
    assert await store.update(DOCUMENTS, selected, {"address": {"city": "Éragny"}}) == 2
    assert await store.count(DOCUMENTS, own & Contains("eragny")) == 2
    assert await store.count(DOCUMENTS, own & equal("address.city", "Metz")) == 3
    assert await store.update(DOCUMENTS, equal("count", 1) & own, {"key": "new"}) == 1
    with pytest.raises(Duplicate):
        await store.update(DOCUMENTS, equal("count", 2) & own, {"key": "new"})
    assert await store.count(DOCUMENTS, own & equal("key", "new")) == 1


async def test_update_and_delete_of_many_documents(
    store: Store, application: str, make_document: MakeDocument, document_count: int
) -> None:
    await store.insert(DOCUMENTS, [make_document(count=at) for at in range(document_count)])
    own = equal("application", application)
    assert await store.update(DOCUMENTS, own, {"active": True}) == document_count
    assert await store.count(DOCUMENTS, own & equal("active", True)) == document_count
    assert await store.delete(DOCUMENTS, own & equal("active", True)) == document_count
    assert await store.count(DOCUMENTS, own) == 0


async def test_delete_removes_every_match(store: Store, application: str, make_document: MakeDocument) -> None:
    await store.insert(DOCUMENTS, [make_document(count=at % 2) for at in range(6)])
    own = equal("application", application)
    assert await store.delete(DOCUMENTS, own & equal("count", 1)) == 3
    assert await store.delete(DOCUMENTS, own & NOTHING) == 0
    assert await store.count(DOCUMENTS, own) == 3


async def test_a_deleted_key_is_free_again(store: Store, make_document: MakeDocument) -> None:
    for _ in range(3):
        document = make_document(key="again", names=["again"])
        await store.insert(DOCUMENTS, [document])
        assert await store.delete(DOCUMENTS, equal("_id", document["_id"])) == 1


async def test_reads_see_earlier_writes(store: Store, application: str, make_document: MakeDocument) -> None:
    """Repeat each query after each write: a cached result must not be returned."""
    own = equal("application", application)
    document = make_document(count=0, version=1)
    assert await store.count(DOCUMENTS, own) == 0
    await store.insert(DOCUMENTS, [document])
    assert await store.count(DOCUMENTS, own) == 1
    for at in range(1, 6):
        await store.replace(DOCUMENTS, equal("_id", document["_id"]), {**document, "count": at})
        assert [each["count"] for each in await find_all(store, application)] == [at]
    await store.update(DOCUMENTS, own, {"count": 9})
    assert [each["count"] for each in await find_all(store, application)] == [9]
    await store.delete(DOCUMENTS, own)
    assert await store.get(DOCUMENTS, own) is None


@pytest.mark.slow
async def test_counts_are_current_despite_concurrent_reads(
    store: Store, application: str, make_document: MakeDocument
) -> None:
    own = equal("application", application)
    done = False

    async def read() -> None:
        while not done:
            await store.count(DOCUMENTS, own)
            await asyncio.sleep(0)

    readers = [asyncio.create_task(read()) for _ in range(3)]
    for at in range(30):
        await store.insert(DOCUMENTS, [make_document()])
        assert await store.count(DOCUMENTS, own) == at + 1
        await asyncio.sleep(0)
    done = True
    await asyncio.gather(*readers)
