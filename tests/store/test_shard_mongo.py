"""The script for a sharded cluster: which commands it would run, without a cluster."""

import runpy
import subprocess
import sys
from pathlib import Path

from okube_api.schema import SCHEMA

from tests.conformance.declared import EVENTS, MONTHS, STAYS
from tests.conformance.declared import SCHEMA as SMALL

SCRIPT = Path(__file__).parents[2] / "scripts" / "shard_mongo.py"
MODULE = runpy.run_path(str(SCRIPT))


def test_keys_begin_with_the_hashed_application() -> None:
    keys = [list(MODULE["shard_key"](table).items()) for table in (STAYS, MONTHS, EVENTS)]
    first = ("application", "hashed")
    assert keys == [[first, ("place", 1)], [first, ("part", 1)], [first, ("part", 1)]]


def test_each_table_is_indexed_and_then_sharded() -> None:
    found = list(MODULE["commands"]("okube", SMALL))
    assert found[:3] == [
        ("admin", {"enableSharding": "okube"}),
        (
            "okube",
            {
                "createIndexes": "stays",
                "indexes": [{"key": {"application": "hashed", "place": 1}, "name": "shard"}],
            },
        ),
        ("admin", {"shardCollection": "okube.stays", "key": {"application": "hashed", "place": 1}}),
    ]
    assert len(found) == 1 + 2 * len(SMALL.tables)


def test_every_declared_table_has_its_commands() -> None:
    found = [
        command["shardCollection"] for _, command in MODULE["commands"]("x", SCHEMA) if "shardCollection" in command
    ]
    assert found == [f"x.{table.name}" for table in SCHEMA.tables]
    for table in SCHEMA.tables:
        assert all(name in ("application", "part") or table.kind_of(name) for name in MODULE["shard_key"](table))


def test_a_dry_run_needs_no_server() -> None:
    command = [sys.executable, str(SCRIPT), "mongodb://nowhere.invalid:1/okube", "--dry-run"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(shown) == 1 + 2 * len(SCHEMA.tables)
    assert "shard key" in MODULE["__doc__"]  # what --help shows
