"""Rows for the tests of MongoDB, how they are written, and what is stored of them."""

from collections.abc import Callable

import pyarrow as pa
from okube_api.store.conditions import EVERYTHING
from okube_api.store.mongo.store import MongoStore
from okube_api.store.plans import Aggregate, Count
from okube_api.store.values import Json
from pymongo import MongoClient

from tests.conformance.declared import STAYS
from tests.conformance.plain import get_types

COUNTING = Aggregate(STAYS, EVERYTHING, (), (Count("n"),))
OpenStore = Callable[..., MongoStore]


def make_stays(part: int, count: int) -> pa.Table:
    columns = {column: pa.nulls(count, pa.null()) for column in get_types(STAYS)}
    return pa.table(columns | {"part": pa.repeat(part, count), "dwell_s": pa.array(range(count))})


async def fill(store: MongoStore, change_name: str, count: int, part: int = 1) -> None:
    async with store.begin_change("a", change_name) as change:
        await change.replace(STAYS, [part], make_stays(part, count))
        await change.commit()


async def count_stays(store: MongoStore) -> int:
    async with store.open_reader("a") as reader:
        return int((await reader.aggregate(COUNTING))["n"][0].as_py())


def count_stored(uri: str, database: str, collection: str) -> int:
    """Return the number of documents of a collection, visible or not."""
    with MongoClient[Json](uri) as client:
        return client[database][collection].count_documents({})
