"""MongoDB in memory (mongomock), with the calls of the asynchronous driver that the store makes."""

from collections.abc import Sequence
from decimal import Decimal, localcontext
from math import prod
from types import SimpleNamespace
from typing import Any

import mongomock
from bson import Decimal128
from mongomock.aggregate import _Parser as _MockParser
from okube_api.store.values import Json
from pymongo import IndexModel, InsertOne, ReplaceOne
from pymongo.errors import BulkWriteError, DuplicateKeyError


class MockClient:
    """Replacement of `AsyncMongoClient`."""

    def __init__(self, url: str) -> None:
        self._client: Any = mongomock.MongoClient(url)

    def get_default_database(self) -> "MockDatabase":
        return MockDatabase(self._client.get_default_database())

    async def drop_database(self, name: str) -> None:
        self._client.drop_database(name)

    async def close(self) -> None:
        self._client.close()


class MockDatabase:
    """Replacement of `AsyncDatabase`."""

    def __init__(self, database: Any) -> None:
        self._database = database
        self.name = database.name

    def __getitem__(self, name: str) -> "MockCollection":
        return MockCollection(self._database[name])

    async def command(self, name: str) -> Json:
        result: Json = self._database.command(name)
        return result


class MockCollection:
    """Replacement of `AsyncCollection`: methods that are not defined here call those of mongomock."""

    def __init__(self, collection: Any) -> None:
        self._collection = collection

    def find(self, *arguments: Any, batch_size: int = 0, **options: Any) -> "MockCursor":
        return MockCursor(self._collection.find(*arguments, **options))

    async def aggregate(self, pipeline: list[Json], **_: int) -> "MockCursor":
        with localcontext(prec=80):  # mongomock adds decimals in the default context, of 28 digits
            return MockCursor(list(self._collection.aggregate(_drop_conversions(pipeline))))

    async def create_indexes(self, indexes: Sequence[IndexModel]) -> None:
        """Create indexes one by one: mongomock's own method leaves out their filters."""
        for index in indexes:
            options = dict(index.document)
            self._collection.create_index(list(options.pop("key").items()), **options)

    async def bulk_write(self, operations: Sequence[InsertOne[Json] | ReplaceOne[Json]]) -> SimpleNamespace:
        """Run operations one by one: mongomock's own method does not accept an argument of the driver's operations."""
        matched = 0
        for index, operation in enumerate(operations):
            try:
                if isinstance(operation, InsertOne):
                    self._collection.insert_one(operation._doc)
                else:
                    matched += self._collection.replace_one(operation._filter, operation._doc).matched_count
            except DuplicateKeyError as error:
                raise BulkWriteError({"writeErrors": [{"index": index, "code": 11000}]}) from error
        return SimpleNamespace(matched_count=matched)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._collection, name)

        async def call(*arguments: Any, **options: Any) -> Any:
            return method(*arguments, **options)

        return call


class _Parser(_MockParser):
    """Parser of mongomock that multiplies decimals, too."""

    def _handle_arithmetic_operator(self, operator: str, values: Any) -> Any:
        if operator != "$multiply":
            return super()._handle_arithmetic_operator(operator, values)  # type: ignore[no-untyped-call]
        factors = list(self.parse_many(values))  # type: ignore[no-untyped-call]
        if None in factors:
            return None
        decimals = [factor.to_decimal() if isinstance(factor, Decimal128) else factor for factor in factors]
        product = prod(decimals)
        return Decimal128(product) if isinstance(product, Decimal) else product


mongomock.aggregate._Parser = _Parser  # type: ignore[misc]


def _drop_conversions(value: Any) -> Any:
    """Return an expression without conversions to decimals: mongomock's integers have any size."""
    if isinstance(value, list):
        return [_drop_conversions(element) for element in value]
    if not isinstance(value, dict):
        return value
    if "$toDecimal" in value:
        return _drop_conversions(value["$toDecimal"])
    return {name: _drop_conversions(element) for name, element in value.items()}


class MockCursor:
    """Replacement of `AsyncCursor`."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = iter(cursor)

    async def to_list(self, length: int | None = None) -> list[Json]:
        return [document for document, _ in zip(self._cursor, range(length or 10**9), strict=False)]

    async def close(self) -> None:
        self._cursor = iter(())
