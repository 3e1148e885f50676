"""Documents: written all or none, unique where declared, replaced only when they are as expected."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import overload

import pytest
from okube_api.store.conditions import EVERYTHING, NOTHING, Contains, OneOf, Overlaps, equal
from okube_api.store.errors import Duplicate, UnsupportedByStore
from okube_api.store.protocol import Store
from okube_api.store.schema import SortKey
from okube_api.store.values import Json

from tests.conformance.conftest import Make
from tests.conformance.declared import PLAIN, THINGS

pytestmark = pytest.mark.anyio


async def all_of(store: Store, application: str) -> list[Json]:
    return await store.find(THINGS, equal("application", application))


async def test_a_document_comes_back_as_it_was(store: Store, application: str, thing: Make) -> None:
    one = thing(
        key="é",
        names=["a", "b"],
        address={"city": "Nîmes", "none": None},
        count=2**63 - 1,
        ratio=0.1,
        active=False,
        free={"deep": [{"list": [1, 2.5, None, True, "x"]}]},
    )
    await store.insert(THINGS, [one])
    assert await store.get(THINGS, equal("_id", one["_id"])) == one
    assert await store.get(THINGS, equal("application", application) & Overlaps("names", ("b",))) == one
    assert await store.get(THINGS, equal("_id", "nobody")) is None


async def test_an_answer_is_the_callers_own(store: Store, application: str, thing: Make) -> None:
    one = thing(key="a", names=["a"])
    await store.insert(THINGS, [one])
    for _ in range(2):
        found = await store.get(THINGS, equal("_id", one["_id"]))
        assert found == one
        found["names"].append("changed")
        (listed,) = await all_of(store, application)
        assert listed == one
        listed.clear()


async def test_get_gives_the_least_id(store: Store, application: str, thing: Make) -> None:
    made = [thing(version=1) for _ in range(3)]
    await store.insert(THINGS, made[::-1])
    assert await store.get(THINGS, equal("application", application) & equal("version", 1)) == made[0]


async def test_some_fields_of_documents(store: Store, application: str, thing: Make) -> None:
    one = thing(key="a", names=["a", "b"], address={"city": "Metz", "street": "x"}, count=3, ratio=0.5, active=False)
    other = thing(key=None, count=0, free={"a": 1})
    await store.insert(THINGS, [one, other])
    wanted = ("key", "names", "address.city", "count", "active")
    own = equal("application", application)
    for _ in range(2):
        found = await store.find(THINGS, own, fields=wanted)
        assert found == [
            {name: one[name] for name in ("_id", "key", "names", "count", "active")} | {"address": {"city": "Metz"}},
            {"_id": other["_id"], "count": 0},
        ]
        found[0]["names"].clear()
    assert await store.find(THINGS, own, skip=1, limit=1, fields=()) == [{"_id": other["_id"]}]
    with pytest.raises(UnsupportedByStore):
        await store.find(THINGS, own, fields=("free",))


async def test_a_revision_changes_with_every_write(store: Store, application: str, thing: Make) -> None:
    first = store.revision(THINGS, PLAIN)
    if first is None:
        return  # only the database knows, and it is not asked
    assert store.revision(PLAIN, THINGS) == first
    seen = [first]
    one = thing(key="a", version=1)
    await store.insert(THINGS, [one])
    seen.append(store.revision(THINGS, PLAIN) or "")
    await store.replace(THINGS, equal("_id", one["_id"]), {**one, "version": 2})
    seen.append(store.revision(THINGS, PLAIN) or "")
    await store.update(THINGS, equal("_id", one["_id"]), {"active": True})
    seen.append(store.revision(THINGS, PLAIN) or "")
    await store.delete(THINGS, equal("_id", one["_id"]))
    seen.append(store.revision(THINGS, PLAIN) or "")
    assert len(set(seen)) == 5
    await store.count(THINGS, equal("application", application))
    assert store.revision(THINGS, PLAIN) == seen[-1]


async def test_collections_are_apart(store: Store, application: str, thing: Make) -> None:
    one = {"_id": thing()["_id"], "at": "2026-01-01T00:00:00.000Z"}
    await store.insert(PLAIN, [one])
    assert await store.count(THINGS, equal("_id", one["_id"])) == 0
    assert await store.get(PLAIN, equal("at", one["at"]) & equal("_id", one["_id"])) == one
    with pytest.raises(UnsupportedByStore):
        await store.count(PLAIN, Contains("x"))
    with pytest.raises(UnsupportedByStore):
        await store.count(PLAIN, equal("key", "x"))
    with pytest.raises(UnsupportedByStore):
        await store.find(THINGS, EVERYTHING, sort=(SortKey("names"),))


async def test_what_is_empty(store: Store, application: str) -> None:
    await store.insert(THINGS, [])
    await store.write(THINGS, (), ())
    assert await all_of(store, application) == []
    assert [block async for block in store.stream(THINGS, equal("application", application))] == []
    assert await store.delete(THINGS, equal("application", application)) == 0
    assert await store.update(THINGS, equal("application", application), {"version": 2}) == 0


async def test_streams_every_document_once_in_bounded_blocks(
    store: Store, application: str, thing: Make, many: int
) -> None:
    made = [thing(key=f"key {at}", count=at) for at in range(many)]
    await store.insert(THINGS, made)
    blocks = [block async for block in store.stream(THINGS, equal("application", application))]
    assert [one for block in blocks for one in block] == made
    assert max(map(len, blocks)) <= 1000
    down = store.stream(THINGS, equal("application", application), sort=(SortKey("count", descending=True),))
    assert [one["count"] async for block in down for one in block] == list(range(many - 1, -1, -1))


async def test_a_stream_left_early_leaves_nothing_open(store: Store, application: str, thing: Make, many: int) -> None:
    await store.insert(THINGS, [thing() for _ in range(many)])
    for _ in range(20):
        stream = store.stream(THINGS, equal("application", application))
        async for block in stream:
            assert block
            break
        await stream.aclose()  # type: ignore[attr-defined]
    assert await store.count(THINGS, equal("application", application)) == many


# -- uniqueness


async def refused(store: Store, inserts: Sequence[Json], replaces: Sequence[Json] = ()) -> Duplicate:
    """The refusal of a write, which is checked to leave everything as it was."""
    ids = OneOf("application", ((inserts or replaces)[0]["application"],))
    before = await store.find(THINGS, ids)
    with pytest.raises(Duplicate) as caught:
        await store.write(THINGS, inserts, replaces)
    assert await store.find(THINGS, ids) == before
    return caught.value


def seen(error: Duplicate) -> tuple[str, tuple[str, ...], int, object]:
    return error.collection, error.fields, error.index, error.value


async def test_a_taken_key_is_refused(store: Store, thing: Make) -> None:
    await store.insert(THINGS, [thing(key="a"), thing(key="b")])
    error = await refused(store, [thing(key="b")])
    assert seen(error) == ("things", ("application", "key"), 0, "b")
    error = await refused(store, [thing(key="x"), thing(key="y"), thing(key="a"), thing(key="z")])
    assert seen(error) == ("things", ("application", "key"), 2, "a")


async def test_a_key_twice_in_one_write_is_refused(store: Store, thing: Make) -> None:
    error = await refused(store, [thing(key="a"), thing(key="b"), thing(key="a")])
    assert seen(error) == ("things", ("application", "key"), 2, "a")


async def test_a_taken_id_is_refused(store: Store, thing: Make) -> None:
    one = thing(key="a")
    await store.insert(THINGS, [one])
    error = await refused(store, [{**one, "key": "b"}])
    assert seen(error) == ("things", ("_id",), 0, one["_id"])
    error = await refused(store, [thing(), {**one, "key": "b"}])
    assert seen(error) == ("things", ("_id",), 1, one["_id"])


async def test_each_of_several_names_is_unique(store: Store, thing: Make, request: pytest.FixtureRequest) -> None:
    await store.insert(THINGS, [thing(names=["a", "b"]), thing(names=[])])
    error = await refused(store, [thing(names=["x"]), thing(names=["y", "b"])])
    assert seen(error) == ("things", ("application", "names"), 1, "b")
    error = await refused(store, [thing(names=["z", "z"])])
    assert seen(error) == ("things", ("application", "names"), 0, "z")
    await store.insert(THINGS, [thing(names=["c"]), thing(names=[])])


@pytest.mark.parametrize("store", ["duckdb", "mongo"], indirect=True)  # mongomock's indexes do not open lists
async def test_each_name_of_a_single_document_is_unique(store: Store, thing: Make) -> None:
    await store.insert(THINGS, [thing(names=["a", "b"])])
    error = await refused(store, [thing(names=["y", "b"])])
    assert seen(error) == ("things", ("application", "names"), 0, "b")


async def test_null_and_absent_are_never_taken(store: Store, application: str, thing: Make) -> None:
    made = [thing(), thing(key=None), thing(key=None, names=None), thing(names=None), thing(key="")]
    for one in made:
        await store.insert(THINGS, [one])
    await store.insert(THINGS, [thing(), thing(key=None)])
    assert await store.count(THINGS, equal("application", application)) == 7
    assert seen(await refused(store, [thing(key="")]))[3] == ""


async def test_look_alikes_are_different_keys(store: Store, application: str, thing: Make) -> None:
    keys = ["a", "A", "a ", " a", "é", "e\u0301", "1", "01", "日本"]
    await store.insert(THINGS, [thing(key=key) for key in keys])
    assert [one["key"] for one in await all_of(store, application)] == keys


async def test_another_application_may_have_the_key(store: Store, thing: Make) -> None:
    await store.insert(THINGS, [thing(key="a")])
    other = thing(key="a") | {"application": "e" * 24}
    await store.insert(THINGS, [other])
    assert await store.delete(THINGS, equal("_id", other["_id"])) == 1


async def test_a_large_write_with_one_culprit_leaves_nothing(
    store: Store, application: str, thing: Make, many: int
) -> None:
    await store.insert(THINGS, [thing(key="held", names=["taken"])])
    made = [thing(key=f"key {at}", names=[f"name {at}"]) for at in range(many)]
    made[many - 5]["key"] = "held"
    assert seen(await refused(store, made)) == ("things", ("application", "key"), many - 5, "held")
    made[many - 5]["key"] = "free"
    made[many - 9]["names"] = ["fine", "taken"]
    assert seen(await refused(store, made)) == ("things", ("application", "names"), many - 9, "taken")
    made[many - 9]["names"] = ["fine"]
    await store.insert(THINGS, made)
    assert await store.count(THINGS, equal("application", application)) == many + 1


class Spool(Sequence[Json]):
    """Documents that are made anew each time they are looked at, as those of a file would be."""

    def __init__(self, made: Sequence[Json]) -> None:
        self._made, self.passes = made, 0

    def __len__(self) -> int:
        return len(self._made)

    @overload
    def __getitem__(self, at: int) -> Json: ...
    @overload
    def __getitem__(self, at: slice) -> list[Json]: ...
    def __getitem__(self, at: int | slice) -> Json | list[Json]:
        return dict(self._made[at]) if isinstance(at, int) else [dict(one) for one in self._made[at]]

    def __iter__(self) -> Iterator[Json]:
        self.passes += 1
        return (dict(one) for one in self._made)


async def test_documents_may_come_lazily(store: Store, application: str, thing: Make, many: int) -> None:
    old = [thing(key=f"old {at}", count=at) for at in range(30)]
    await store.insert(THINGS, old)
    new = Spool([thing(key=f"new {at}") for at in range(many // 2)])
    changed = Spool([{**one, "key": f"renamed {at}"} for at, one in enumerate(old)])
    await store.write(THINGS, new, changed)
    assert await all_of(store, application) == [*changed, *new]
    assert new.passes <= 5


# -- replacing


async def test_replaces_what_is_as_expected(store: Store, thing: Make) -> None:
    one = thing(key="a", version=1)
    await store.insert(THINGS, [one])
    same = equal("_id", one["_id"])
    assert await store.replace(THINGS, same & equal("version", 1), {**one, "version": 2})
    assert not await store.replace(THINGS, same & equal("version", 1), {**one, "version": 3, "key": "lost"})
    assert not await store.replace(THINGS, equal("version", 2), thing(key="nobody has this id"))
    assert await store.get(THINGS, same) == {**one, "version": 2}


async def test_one_of_many_replaces_wins(store: Store, thing: Make) -> None:
    one = thing(key="a", version=1)
    await store.insert(THINGS, [one])
    where = equal("_id", one["_id"]) & equal("version", 1)
    won = await asyncio.gather(*(store.replace(THINGS, where, {**one, "version": 2, "count": at}) for at in range(20)))
    assert sum(won) == 1
    found = await store.get(THINGS, equal("_id", one["_id"]))
    assert found is not None
    assert found["count"] == won.index(True)


async def test_one_of_many_inserts_of_a_key_wins(store: Store, application: str, thing: Make) -> None:
    async def insert(at: int) -> bool:
        try:
            await store.insert(THINGS, [thing(key="same", count=at)])
        except Duplicate:
            return False
        return True

    assert sum(await asyncio.gather(*map(insert, range(20)))) == 1
    assert await store.count(THINGS, equal("application", application)) == 1


async def test_a_replace_may_keep_its_key_and_not_take_anothers(store: Store, thing: Make) -> None:
    one, other = thing(key="a", names=["a", "b"], version=1), thing(key="c", names=["c"], version=1)
    await store.insert(THINGS, [one, other])
    assert await store.replace(THINGS, equal("_id", one["_id"]), {**one, "names": ["b", "d"]})
    assert await store.replace(THINGS, equal("_id", other["_id"]), {**other, "key": "e", "names": ["a", "c"]})
    with pytest.raises(Duplicate) as caught:
        await store.replace(THINGS, equal("_id", other["_id"]), {**other, "key": "a"})
    assert seen(caught.value) == ("things", ("application", "key"), 0, "a")
    assert await store.get(THINGS, equal("_id", other["_id"])) == {**other, "key": "e", "names": ["a", "c"]}


async def test_writes_inserts_and_replaces_together(store: Store, application: str, thing: Make) -> None:
    one, other = thing(key="a"), thing(key="b")
    await store.insert(THINGS, [one, other])
    new = thing(key="a")  # takes the key that another gives up
    await store.write(THINGS, [new], [{**one, "key": "c"}, {**other, "key": "d"}])
    assert {each["_id"]: each["key"] for each in await all_of(store, application)} == {
        one["_id"]: "c",
        other["_id"]: "d",
        new["_id"]: "a",
    }
    error = await refused(store, [thing(key="x")], [{**one, "key": "y"}, {**other, "key": "a"}])
    assert seen(error) == ("things", ("application", "key"), 2, "a")


async def test_updates_every_match(store: Store, application: str, thing: Make) -> None:
    await store.insert(THINGS, [thing(key=f"k{at}", count=at, address={"city": "Metz"}) for at in range(5)])
    own = equal("application", application)
    some = own & OneOf("count", (1, 3))
    assert await store.update(THINGS, some, {"active": True, "free": {"a": 1}}) == 2
    assert [one["count"] for one in await store.find(THINGS, own & equal("active", True))] == [1, 3]
    assert await store.update(THINGS, some, {"address": {"city": "Éragny"}}) == 2
    assert await store.count(THINGS, own & Contains("eragny")) == 2
    assert await store.count(THINGS, own & equal("address.city", "Metz")) == 3
    assert await store.update(THINGS, equal("count", 1) & own, {"key": "new"}) == 1
    with pytest.raises(Duplicate):
        await store.update(THINGS, equal("count", 2) & own, {"key": "new"})
    assert await store.count(THINGS, own & equal("key", "new")) == 1


async def test_updates_and_deletes_many(store: Store, application: str, thing: Make, many: int) -> None:
    await store.insert(THINGS, [thing(count=at) for at in range(many)])
    own = equal("application", application)
    assert await store.update(THINGS, own, {"active": True}) == many
    assert await store.count(THINGS, own & equal("active", True)) == many
    assert await store.delete(THINGS, own & equal("active", True)) == many
    assert await store.count(THINGS, own) == 0


async def test_deletes_every_match(store: Store, application: str, thing: Make) -> None:
    await store.insert(THINGS, [thing(count=at % 2) for at in range(6)])
    own = equal("application", application)
    assert await store.delete(THINGS, own & equal("count", 1)) == 3
    assert await store.delete(THINGS, own & NOTHING) == 0
    assert await store.count(THINGS, own) == 3


async def test_a_deleted_key_is_free_again(store: Store, thing: Make) -> None:
    for _ in range(3):
        one = thing(key="again", names=["again"])
        await store.insert(THINGS, [one])
        assert await store.delete(THINGS, equal("_id", one["_id"])) == 1


async def test_reads_after_writes_see_them(store: Store, application: str, thing: Make) -> None:
    """Also where the same question was asked just before."""
    own = equal("application", application)
    one = thing(count=0, version=1)
    assert await store.count(THINGS, own) == 0
    await store.insert(THINGS, [one])
    assert await store.count(THINGS, own) == 1
    for at in range(1, 6):
        await store.replace(THINGS, equal("_id", one["_id"]), {**one, "count": at})
        assert [each["count"] for each in await all_of(store, application)] == [at]
    await store.update(THINGS, own, {"count": 9})
    assert [each["count"] for each in await all_of(store, application)] == [9]
    await store.delete(THINGS, own)
    assert await store.get(THINGS, own) is None


async def test_readers_beside_writers_never_see_a_stale_count_for_good(
    store: Store, application: str, thing: Make
) -> None:
    own = equal("application", application)
    done = False

    async def read() -> None:
        while not done:
            await store.count(THINGS, own)
            await asyncio.sleep(0)

    readers = [asyncio.create_task(read()) for _ in range(3)]
    for at in range(30):
        await store.insert(THINGS, [thing()])
        assert await store.count(THINGS, own) == at + 1
        await asyncio.sleep(0)
    done = True
    await asyncio.gather(*readers)
