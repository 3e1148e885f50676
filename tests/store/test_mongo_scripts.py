"""Tests of the scripts for MongoDB without a server: the commands that shard it, and the events of the benchmark."""

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from okube_api.ingest.events.models import DetectionEvent, Event, PingEvent
from okube_api.store_schema import SCHEMA

from tests.conformance.declared import EVENTS, MONTHS, STAYS
from tests.conformance.declared import SCHEMA as SMALL

SCRIPT = Path(__file__).parents[2] / "scripts" / "shard_mongo.py"
MODULE = runpy.run_path(str(SCRIPT))
MEASURING = runpy.run_path(str(SCRIPT.with_name("mongo_ingest.py")))


def test_keys_begin_with_the_hashed_application() -> None:
    keys = [list(MODULE["shard_key"](table).items()) for table in (STAYS, MONTHS, EVENTS)]
    first = ("application", "hashed")
    assert keys == [[first, ("place", 1)], [first, ("part", 1)], [first, ("part", 1)]]


def test_every_table_is_indexed_and_then_sharded() -> None:
    commands = list(MODULE["commands"]("okube", SMALL))
    assert commands[:3] == [
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
    assert len(commands) == 1 + 2 * len(SMALL.tables)


def test_every_declared_table_has_its_commands() -> None:
    commands = [
        command["shardCollection"] for _, command in MODULE["commands"]("x", SCHEMA) if "shardCollection" in command
    ]
    assert commands == [f"x.{table.name}" for table in SCHEMA.tables]
    for table in SCHEMA.tables:
        assert all(name in ("application", "part") or table.type_of(name) for name in MODULE["shard_key"](table))


def test_a_dry_run_needs_no_server(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), "mongodb://nowhere.invalid:1/okube", "--dry-run"])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + 2 * len(SCHEMA.tables)
    assert "shard key" in MODULE["__doc__"]  # printed by --help


@pytest.mark.parametrize(("kind", "model"), [("pings", PingEvent), ("detections", DetectionEvent)])
def test_benchmark_events_are_valid_and_complete(kind: str, model: type[Event], tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    MEASURING["write_events"](kind, 600, path, np.full((500, 2), 45.0))
    events = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(events) == 600
    for event in events:
        model.model_validate(event)
    assert [event["at"] for event in events] == sorted(event["at"] for event in events)
