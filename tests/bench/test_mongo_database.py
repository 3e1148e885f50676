"""The database of a run: which one it may use, and what is left of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from okube_api.bench.mongo_database import OWNER, BenchDatabase, DatabaseRefused
from pymongo import MongoClient


@pytest.mark.parametrize(
    ("uri", "name", "url"),
    [
        ("mongodb://host:1/own", "own", "mongodb://host:1/own"),
        ("mongodb://a:1,b:2/own?w=1", "own", "mongodb://a:1,b:2/own?w=1"),
        ("mongodb://me:pw@host/own", "own", "mongodb://me:pw@host/own?authSource=admin"),
        ("mongodb://me:pw@host/own?authSource=people", "own", "mongodb://me:pw@host/own?authSource=people"),
    ],
)
def test_the_url_names_the_database(uri: str, name: str, url: str) -> None:
    database = BenchDatabase(uri)
    assert (database.name, database.url) == (name, url)


def test_a_new_name_is_chosen_for_each_run() -> None:
    first, second = (BenchDatabase("mongodb://host:1/?w=1") for _ in range(2))
    assert first.name.startswith("okube_bench_")
    assert first.name != second.name
    assert first.url == f"mongodb://host:1/{first.name}?w=1"


@pytest.mark.parametrize("uri", ["postgres://host/own", "mongodb://", "duckdb:file"])
def test_other_urls_are_refused(uri: str) -> None:
    with pytest.raises(DatabaseRefused, match="not a URL of MongoDB"):
        BenchDatabase(uri)


def test_a_server_that_does_not_answer_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("okube_api.bench.mongo_database._SELECTION_MS", 50)
    with pytest.raises(DatabaseRefused, match="cannot be used"), BenchDatabase("mongodb://127.0.0.1:1/own"):
        pass


@pytest.fixture
def database(mongo_uri: str) -> Iterator[Any]:
    """Yield a database that does not exist yet; remove it at the end."""
    with MongoClient[dict[str, Any]](mongo_uri) as client:
        name = f"bench_{uuid4().hex[:12]}"
        yield client[name]
        client.drop_database(name)


def build_url(mongo_uri: str, database: Any) -> str:
    """Return the URL of a database."""
    return f"{mongo_uri.rstrip('/')}/{database.name}"


@pytest.mark.parametrize("keep", [False, True])
def test_the_database_is_dropped_unless_it_is_kept(mongo_uri: str, database: Any, *, keep: bool) -> None:
    with BenchDatabase(build_url(mongo_uri, database), keep=keep) as own:
        assert own.read_version()
        assert database.list_collection_names() == [OWNER]
    assert database.list_collection_names() == ([OWNER] if keep else [])


def test_a_database_that_exists_is_refused_and_left_as_it_is(mongo_uri: str, database: Any) -> None:
    database.others.insert_one({"_id": 1})
    with pytest.raises(DatabaseRefused, match="exists already"), BenchDatabase(build_url(mongo_uri, database)):
        pass
    assert database.list_collection_names() == ["others"]
    assert database.others.count_documents({}) == 1


def test_a_database_that_another_run_took_over_is_not_dropped(mongo_uri: str, database: Any) -> None:
    with BenchDatabase(build_url(mongo_uri, database)):
        database[OWNER].replace_one({"_id": "run"}, {"_id": "run", "token": "another"})
    assert database.list_collection_names() == [OWNER]


def test_the_plain_pipeline_counts_stays_by_day(mongo_uri: str, database: Any, tmp_path: Path) -> None:
    columns = {"place": ["s1", "s2", "s1"], "user": [1, 2, 3], "day": [20_000, 20_001, 20_000], "dwell_s": [60, 70, 80]}
    pq.write_table(pa.table(columns), tmp_path / "stays.parquet")
    with BenchDatabase(build_url(mongo_uri, database)) as own:
        assert own.load_raw_stays(tmp_path / "stays.parquet") == 3
        answer = own.ask("A1")
    assert dict(map(tuple, answer.rows_by_table[0])) == {20_000: 2, 20_001: 1}
    assert answer.seconds > 0
