"""Conditions find the same documents in every store as in plain Python, whatever is missing, null or alike."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from okube_api.store.conditions import AllOf, AnyOf, Between, Condition, Contains, Missing, Not, OneOf, Overlaps, equal
from okube_api.store.protocol import Store
from okube_api.store.schema import SortKey
from okube_api.store.values import Json, Scalar

from tests.conformance import plain
from tests.conformance.declared import THINGS

pytestmark = pytest.mark.anyio

TEXTS = (
    "",
    "1",
    "true",
    "a",
    "A",
    "é",
    "e\u0301",
    "Éragny-sur-Oise",
    "日本",
    "\U0001f600",
    "a.b",
    "a$",
    "x%_*",
    "null",
)
INTEGERS = (0, 1, -1, 2, 2**31, 2**53, 2**53 + 1, 2**63 - 1, -(2**63))
NUMBERS = (0.0, 1.0, -1.5, 0.1, 1e300, -1e-300, 3.0)
FIELDS: dict[str, tuple[Scalar, ...]] = {
    "address.city": TEXTS,
    "count": INTEGERS,
    "ratio": NUMBERS,
    "active": (True, False),
    "version": (1, 2, 3),
}
LISTS: dict[str, tuple[Scalar, ...]] = {"names": TEXTS, "counts": INTEGERS}
APPLICATION = "c" * 24


def documents(seed: int, many: int) -> list[Json]:
    """Documents with some fields absent, some null, lists of every length."""
    chance = random.Random(seed)
    made: list[Json] = []
    for at in range(many):
        one: Json = {"_id": f"{'c' * 18}{at:06x}", "application": APPLICATION, "key": f"key {at}"}
        for name, values in FIELDS.items():
            if chance.random() < 0.75:
                _put(one, name, chance.choice((None, *values, *values)))
        one["names"] = chance.choice((None, [], [f"only {at}"], [f"only {at}", f"Café {at}"]))
        if chance.random() < 0.75:
            one["counts"] = chance.choice((None, [], chance.sample(INTEGERS, 1), chance.sample(INTEGERS, 3)))
        made.append(one)
    return made


def _put(document: Json, path: str, value: object) -> None:
    *steps, last = path.split(".")
    for step in steps:
        document = document.setdefault(step, {})
    document[last] = value


CORPUS = documents(seed=7, many=80)
NAMES = tuple(name for one in CORPUS for name in one["names"] or ())


@pytest.fixture(scope="module")
async def filled(store: Store) -> Store:
    """The store with the corpus in it."""
    await store.delete(THINGS, equal("application", APPLICATION))
    await store.insert(THINGS, CORPUS)
    return store


async def check(store: Store, condition: Condition) -> None:
    """Compares what is found, in both orders of asking."""
    expected = [one["_id"] for one in CORPUS if plain.meets(one, condition, THINGS.fields, THINGS.search)]
    where = equal("application", APPLICATION) & condition
    found = await store.find(THINGS, where)
    assert [one["_id"] for one in found] == expected, condition
    assert await store.count(THINGS, where) == len(expected)


ANY = st.sampled_from((*TEXTS, *INTEGERS, *NUMBERS, True, False, "key 3", 2**64, 0.5, 1e19, -(2**70)))


def one_of() -> st.SearchStrategy[Condition]:
    values = st.lists(ANY, max_size=4).map(tuple)
    return st.builds(OneOf, st.sampled_from(("key", *FIELDS)), values)


def overlaps() -> st.SearchStrategy[Condition]:
    values = st.lists(st.one_of(ANY, st.sampled_from(NAMES)), max_size=4).map(tuple)
    return st.builds(Overlaps, st.sampled_from(tuple(LISTS)), values)


def between() -> st.SearchStrategy[Condition]:
    return st.builds(Between, st.sampled_from(tuple(FIELDS)), st.none() | ANY, st.none() | ANY)


def missing() -> st.SearchStrategy[Condition]:
    return st.builds(Missing, st.sampled_from((*FIELDS, *LISTS, "key")))


def contains() -> st.SearchStrategy[Condition]:
    return st.builds(Contains, st.sampled_from((*TEXTS, "KEY 1", "cafe", "ÉRAGNY", "only", ".", "(", "\\", "%")))


LEAVES = st.one_of(one_of(), overlaps(), between(), missing(), contains())
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(AllOf, st.lists(inner, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(inner, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(condition=CONDITIONS)
async def test_random_conditions(filled: Store, condition: Condition) -> None:
    await check(filled, condition)


@pytest.mark.parametrize(
    "condition",
    [
        OneOf("count", ()),
        OneOf("count", (1, True)),
        OneOf("count", ("1",)),
        OneOf("count", (1.0, 1.5)),
        OneOf("count", (2**53,)),
        OneOf("count", (float(2**53),)),
        OneOf("count", (2**64, 2**63 - 1)),
        OneOf("active", (1, 0)),
        OneOf("active", (True,)),
        OneOf("address.city", ("1", "true")),
        OneOf("address.city", (*(f"none {at}" for at in range(60)), "é")),
        OneOf("ratio", (3, 1)),
        OneOf("key", ({"$ne": ""},)),  # type: ignore[arg-type]
        OneOf("key", ("key 1' OR '1' = '1",)),
        Overlaps("names", ()),
        Overlaps("names", NAMES),
        Overlaps("names", (*NAMES[:2], "only 999", 3)),
        Overlaps("counts", (1.0, "1", True)),
        Between("count", None, None),
        Between("count", 2**53, 2**53),
        Between("count", -(2**70), 2**70),
        Between("count", 0.5, 1.5),
        Between("count", 2, 1),
        Between("count", "0", 5),
        Between("address.city", "a", "é"),
        Between("active", False, False),
        Missing("names"),
        Missing("address.city"),
        Not(Missing("count")),
        Not(OneOf("count", (1,))),
        Not(Between("count", None, 0)),
        Not(Overlaps("names", NAMES[:3])),
        Contains(""),
        Contains("eragny"),
        Contains("é"),
        Contains("x%_*"),
        Contains("only 1"),
        Contains(".*"),
        AllOf(),
        AnyOf(),
        Not(AllOf()),
        Not(AnyOf()),
        ~(equal("version", 1) | Missing("version")) & Between("count", 0, None),
    ],
    ids=repr,
)
async def test_conditions(filled: Store, condition: Condition) -> None:
    await check(filled, condition)


async def test_texts_of_any_length_are_searched_to_their_end(store: Store) -> None:
    """Also where an index holds the start of a long text only; other applications' aside."""
    theirs = ["e" * 23 + "1", "e" * 23 + "2"]
    made = [
        {
            "_id": f"{at:023x}e",
            "application": theirs[at % 2],
            "key": f"{at}",
            "names": [f"{at}" + "x" * 5000, f"Fin{at // 2} (é)"],
        }
        for at in range(6)
    ]
    await store.insert(THINGS, made)
    for text, wanted in (("fin1 (E)", [made[2]]), ("x" * 3000, made[::2]), ("fin1 (e).", []), ("fin", made[::2])):
        assert await store.find(THINGS, equal("application", theirs[0]) & Contains(text)) == wanted
    await store.delete(THINGS, OneOf("application", tuple(theirs)))


@pytest.mark.parametrize("name", ["version", "count", "ratio", "active", "address.city", "key", "_id"])
@pytest.mark.parametrize("descending", [False, True])
async def test_sorts(filled: Store, name: str, descending: bool) -> None:
    sort = (SortKey(name, descending),)
    expected = [one["_id"] for one in plain.ordered(CORPUS, sort)]
    where = equal("application", APPLICATION)
    assert [one["_id"] for one in await filled.find(THINGS, where, sort=sort)] == expected
    streamed = [one["_id"] async for block in filled.stream(THINGS, where, sort=sort) for one in block]
    assert streamed == expected


async def test_several_sorts_and_pages_that_tile(filled: Store) -> None:
    sort: Sequence[SortKey] = (
        SortKey("version", descending=True),
        SortKey("active"),
        SortKey("count", descending=True),
    )
    expected = [one["_id"] for one in plain.ordered(CORPUS, sort)]
    where = equal("application", APPLICATION)
    pages = [await filled.find(THINGS, where, sort=sort, skip=at, limit=7) for at in range(0, len(CORPUS) + 7, 7)]
    assert [one["_id"] for page in pages for one in page] == expected
    assert await filled.find(THINGS, where, limit=0) == []
    assert [one["_id"] for one in await filled.find(THINGS, where, sort=sort, skip=70)] == expected[70:]


RANDOM_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
RANDOM = st.fixed_dictionaries(
    {},
    optional={
        "names": st.none() | st.lists(RANDOM_TEXT, max_size=3, unique=True),
        "address": st.fixed_dictionaries({}, optional={"city": st.none() | RANDOM_TEXT}),
        "count": st.none() | st.integers(-(2**63), 2**63 - 1),
        "ratio": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "counts": st.none() | st.lists(st.integers(-(2**63), 2**63 - 1), max_size=3),
        "active": st.none() | st.booleans(),
        "version": st.none() | st.integers(0, 3),
        "free": st.dictionaries(RANDOM_TEXT.filter(lambda key: not key.startswith("$")), st.integers(0, 9), max_size=2),
    },
)


@settings(
    deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(made=st.lists(RANDOM, min_size=1, max_size=5), which=st.integers(0, 4))
async def test_random_documents_come_back_as_they_were(store: Store, made: list[Json], which: int) -> None:
    own = "d" * 24
    await store.delete(THINGS, equal("application", own))
    stored = [{"_id": f"{'d' * 20}{at:04x}", "application": own, "key": f"k{at}", **one} for at, one in enumerate(made)]
    for one in stored:  # each has names of its own
        one["names"] = one.get("names") and [f"{one['_id']}{name}" for name in one["names"]]
    await store.insert(THINGS, stored)
    assert await store.find(THINGS, equal("application", own)) == stored
    one = stored[which % len(stored)]
    for name in THINGS.fields:
        value = plain.value_of(one, name)
        if value is None:
            condition: Condition = Missing(name)
        elif isinstance(value, list):
            condition = Overlaps(name, tuple(value))
        else:
            condition = OneOf(name, (value,)) & Between(name, value, value)
        expected = [other for other in stored if plain.meets(other, condition, THINGS.fields)]
        assert await store.find(THINGS, equal("application", own) & condition) == expected, name
