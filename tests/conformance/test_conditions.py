"""Tests that conditions find the same documents in every store as in plain Python, also with nulls."""

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
from tests.conformance.declared import DOCUMENTS
from tests.rounds import count_examples

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


def make_documents(seed: int, count: int) -> list[Json]:
    """Return documents with absent and null fields and with lists of several lengths."""
    chance = random.Random(seed)
    documents: list[Json] = []
    for at in range(count):
        document: Json = {"_id": f"{'c' * 18}{at:06x}", "application": APPLICATION, "key": f"key {at}"}
        for name, values in FIELDS.items():
            if chance.random() < 0.75:
                _put(document, name, chance.choice((None, *values, *values)))
        document["names"] = chance.choice((None, [], [f"only {at}"], [f"only {at}", f"Café {at}"]))
        if chance.random() < 0.75:
            document["counts"] = chance.choice((None, [], chance.sample(INTEGERS, 1), chance.sample(INTEGERS, 3)))
        documents.append(document)
    return documents


def _put(document: Json, path: str, value: object) -> None:
    *steps, last = path.split(".")
    for step in steps:
        document = document.setdefault(step, {})
    document[last] = value


CORPUS = make_documents(seed=7, count=80)
ALL_NAMES = tuple(name for document in CORPUS for name in document["names"] or ())


@pytest.fixture(scope="module")
async def filled_store(store: Store) -> Store:
    """Fill the store with the corpus."""
    await store.delete(DOCUMENTS, equal("application", APPLICATION))
    await store.insert(DOCUMENTS, CORPUS)
    return store


async def check_condition(store: Store, condition: Condition) -> None:
    """Compare what `find` and `count` return with plain Python."""
    expected = [
        document["_id"] for document in CORPUS if plain.meets(document, condition, DOCUMENTS.fields, DOCUMENTS.search)
    ]
    where = equal("application", APPLICATION) & condition
    matches = await store.find(DOCUMENTS, where)
    assert [document["_id"] for document in matches] == expected, condition
    assert await store.count(DOCUMENTS, where) == len(expected)


ANY_VALUE = st.sampled_from((*TEXTS, *INTEGERS, *NUMBERS, True, False, "key 3", 2**64, 0.5, 1e19, -(2**70)))


def make_one_of() -> st.SearchStrategy[Condition]:
    values = st.lists(ANY_VALUE, max_size=4).map(tuple)
    return st.builds(OneOf, st.sampled_from(("key", *FIELDS)), values)


def make_overlaps() -> st.SearchStrategy[Condition]:
    values = st.lists(st.one_of(ANY_VALUE, st.sampled_from(ALL_NAMES)), max_size=4).map(tuple)
    return st.builds(Overlaps, st.sampled_from(tuple(LISTS)), values)


def make_between() -> st.SearchStrategy[Condition]:
    return st.builds(Between, st.sampled_from(tuple(FIELDS)), st.none() | ANY_VALUE, st.none() | ANY_VALUE)


def make_missing() -> st.SearchStrategy[Condition]:
    return st.builds(Missing, st.sampled_from((*FIELDS, *LISTS, "key")))


def make_contains() -> st.SearchStrategy[Condition]:
    return st.builds(Contains, st.sampled_from((*TEXTS, "KEY 1", "cafe", "ÉRAGNY", "only", ".", "(", "\\", "%")))


SIMPLE_CONDITIONS = st.one_of(make_one_of(), make_overlaps(), make_between(), make_missing(), make_contains())
CONDITIONS = st.recursive(
    SIMPLE_CONDITIONS,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(AllOf, st.lists(inner, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(inner, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)


@settings(deadline=None, max_examples=count_examples(150), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(condition=CONDITIONS)
async def test_random_conditions(filled_store: Store, condition: Condition) -> None:
    await check_condition(filled_store, condition)


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
        Overlaps("names", ALL_NAMES),
        Overlaps("names", (*ALL_NAMES[:2], "only 999", 3)),
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
        Not(Overlaps("names", ALL_NAMES[:3])),
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
async def test_special_conditions(filled_store: Store, condition: Condition) -> None:
    await check_condition(filled_store, condition)


@pytest.mark.parametrize("is_negated", [False, True])
@pytest.mark.parametrize(
    "integers",
    [
        [*range(1, 120), *range(-80, 5)],
        [*range(-300, 1), *range(2, 300)],
        [*range(2**63 - 150, 2**63), -(2**63)],
        list(range(-300, 300, 2)),
        [*range(200), "1", 2**64],
    ],
    ids=["one range", "two ranges", "both limits", "no ranges", "values that equal nothing"],
)
async def test_long_lists_of_integers(filled_store: Store, integers: list[Scalar], is_negated: bool) -> None:
    condition = OneOf("count", tuple(integers))
    await check_condition(filled_store, ~condition if is_negated else condition)


@pytest.mark.parametrize(
    ("text", "expected"), [("fin1 (E)", [2]), ("x" * 3000, [0, 2, 4]), ("fin1 (e).", []), ("fin", [0, 2, 4])]
)
async def test_long_texts_are_searched_to_their_end(store: Store, text: str, expected: list[int]) -> None:
    """Search texts that are longer than what an index stores, next to documents of another application."""
    applications = ["e" * 23 + "1", "e" * 23 + "2"]
    documents = [
        {
            "_id": f"{at:023x}e",
            "application": applications[at % 2],
            "key": f"{at}",
            "names": [f"{at}" + "x" * 5000, f"Fin{at // 2} (é)"],
        }
        for at in range(6)
    ]
    await store.insert(DOCUMENTS, documents)
    matches = await store.find(DOCUMENTS, equal("application", applications[0]) & Contains(text))
    assert matches == [documents[at] for at in expected]
    await store.delete(DOCUMENTS, OneOf("application", tuple(applications)))


@pytest.mark.parametrize("name", ["version", "count", "ratio", "active", "address.city", "key", "_id"])
@pytest.mark.parametrize("descending", [False, True])
async def test_sort_by_one_key(filled_store: Store, name: str, descending: bool) -> None:
    sort = (SortKey(name, descending),)
    expected = [document["_id"] for document in plain.sort_documents(CORPUS, sort)]
    where = equal("application", APPLICATION)
    assert [document["_id"] for document in await filled_store.find(DOCUMENTS, where, sort=sort)] == expected
    streamed = [
        document["_id"] async for block in filled_store.stream(DOCUMENTS, where, sort=sort) for document in block
    ]
    assert streamed == expected


async def test_pages_of_several_sort_keys_cover_every_document_once(filled_store: Store) -> None:
    sort: Sequence[SortKey] = (
        SortKey("version", descending=True),
        SortKey("active"),
        SortKey("count", descending=True),
    )
    expected = [document["_id"] for document in plain.sort_documents(CORPUS, sort)]
    where = equal("application", APPLICATION)
    pages = [
        await filled_store.find(DOCUMENTS, where, sort=sort, skip=at, limit=7) for at in range(0, len(CORPUS) + 7, 7)
    ]
    assert [document["_id"] for page in pages for document in page] == expected
    assert await filled_store.find(DOCUMENTS, where, limit=0) == []
    assert [document["_id"] for document in await filled_store.find(DOCUMENTS, where, sort=sort, skip=70)] == expected[
        70:
    ]


RANDOM_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
RANDOM_DOCUMENTS = st.fixed_dictionaries(
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
    deadline=None,
    max_examples=count_examples(20),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(documents=st.lists(RANDOM_DOCUMENTS, min_size=1, max_size=5), index=st.integers(0, 4))
async def test_random_documents_round_trip(store: Store, documents: list[Json], index: int) -> None:
    application = "d" * 24
    await store.delete(DOCUMENTS, equal("application", application))
    stored = [
        {"_id": f"{'d' * 20}{at:04x}", "application": application, "key": f"k{at}", **document}
        for at, document in enumerate(documents)
    ]
    for document in stored:  # names are unique
        document["names"] = document.get("names") and [f"{document['_id']}{name}" for name in document["names"]]
    await store.insert(DOCUMENTS, stored)
    assert await store.find(DOCUMENTS, equal("application", application)) == stored
    document = stored[index % len(stored)]
    for name in DOCUMENTS.fields:
        value = plain.get_value(document, name)
        if value is None:
            condition: Condition = Missing(name)
        elif isinstance(value, list):
            condition = Overlaps(name, tuple(value))
        else:
            condition = OneOf(name, (value,)) & Between(name, value, value)
        expected = [other for other in stored if plain.meets(other, condition, DOCUMENTS.fields)]
        assert await store.find(DOCUMENTS, equal("application", application) & condition) == expected, name
