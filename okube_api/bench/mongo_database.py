"""A MongoDB database of one run of the benchmarks, and the plain aggregation pipeline on raw documents in it."""

import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import pyarrow.parquet as pq
from pymongo import MongoClient
from pymongo.errors import ConfigurationError, DuplicateKeyError, InvalidURI, PyMongoError
from pymongo.uri_parser import parse_uri

from okube_api.bench.competitors import CompetitorAnswer

OWNER, RAW_STAYS = "bench_owner", "bench_raw_stays"
"""Collections beside those of the store: one document that names the run, and a document for each stay."""
_SELECTION_MS = 5000
_INSERT_ROWS = 10_000
_PIPELINES: Mapping[str, list[dict[str, Any]]] = {
    "A1": [{"$group": {"_id": "$day", "stays": {"$sum": 1}}}],
}


class DatabaseRefused(Exception):
    """The server does not answer, or the database belongs to somebody else; the message says what to do."""


class BenchDatabase:
    """Context manager of a database that it creates, and drops at the end unless `keep`.

    uri: `mongodb://host/database`, where nothing may exist yet; without a database a new name is chosen.
    On entry, raise DatabaseRefused when there is such a database, or when the server does not answer.
    """

    def __init__(self, uri: str, *, keep: bool = False) -> None:
        self.name, self.url = _name_database(uri)
        self._keep = keep
        self._token = secrets.token_hex(16)
        self._client: MongoClient[dict[str, Any]] = MongoClient(
            self.url, connect=False, serverSelectionTimeoutMS=_SELECTION_MS
        )

    def __enter__(self) -> Self:
        try:
            self._claim()
        except PyMongoError as error:
            self._client.close()
            raise DatabaseRefused(f"The MongoDB server cannot be used: {error}") from error
        except DatabaseRefused:
            self._client.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if not self._keep and self._is_own():
                self._client.drop_database(self.name)
        finally:
            self._client.close()

    def _claim(self) -> None:
        """Create the database.  Raise DatabaseRefused when it exists, or when another run creates it meanwhile."""
        database = self._client[self.name]
        if not database.list_collection_names():
            try:
                database[OWNER].insert_one({"_id": "run", "token": self._token})
                return
            except DuplicateKeyError:
                pass
        raise DatabaseRefused(
            f"The database '{self.name}' exists already, and is left as it is. Name a database that does not exist, "
            "or none, so that a new name is chosen."
        )

    def _is_own(self) -> bool:
        return self._client[self.name][OWNER].find_one({"_id": "run", "token": self._token}) is not None

    def read_version(self) -> str:
        """Return the version that the server says it has."""
        return str(self._client.server_info()["version"])

    def load_raw_stays(self, file: Path) -> int:
        """Insert a document for each row of a Parquet file of `fact_export`; return how many there are.

        They have no index but `_id`: the question is about all of them.
        """
        documents, count = self._client[self.name][RAW_STAYS], 0
        with pq.ParquetFile(file) as rows:
            for batch in rows.iter_batches(_INSERT_ROWS, columns=["place", "user", "day", "dwell_s"]):
                count += len(documents.insert_many(batch.to_pylist(), ordered=False).inserted_ids)
        return count

    def ask(self, workload: str) -> CompetitorAnswer:
        """Answer a workload by its pipeline on the raw stays, a row for each group: the key, then the number."""
        started_s = time.perf_counter()
        rows = [tuple(row.values()) for row in self._client[self.name][RAW_STAYS].aggregate(_PIPELINES[workload])]
        return CompetitorAnswer([rows], time.perf_counter() - started_s)


def _name_database(uri: str) -> tuple[str, str]:
    """Return the name of the database and a URI with it.  Raise DatabaseRefused when it is no URI of MongoDB."""
    try:
        name = parse_uri(uri, validate=False)["database"] or f"okube_bench_{secrets.token_hex(4)}"
    except (ConfigurationError, InvalidURI, ValueError) as error:
        raise DatabaseRefused(f"This is not a URL of MongoDB, such as mongodb://localhost:27017/: {error}") from error
    parts = urlsplit(uri)
    query = dict(parse_qsl(parts.query))
    if "@" in parts.netloc:  # the user is one of the server, not of the new database
        query.setdefault("authSource", "admin")
    return name, urlunsplit((parts.scheme, parts.netloc, f"/{name}", urlencode(query), ""))
