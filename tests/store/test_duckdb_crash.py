"""Tests that a killed process leaves every write it acknowledged, and no partial ones."""

import os
from pathlib import Path

import pytest

from tests.store.kills import kill_writers

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

KILLS = int(os.environ.get("OKUBE_TEST_KILLS", "3"))
"""How many times a writer is killed; 200 take some minutes."""


async def test_kills_leave_only_complete_writes(tmp_path: Path) -> None:
    result = await kill_writers(tmp_path / "okube.duckdb", KILLS)
    assert result.rounds > 0
    assert result.slowest_start_s < 30, "3 s on an idle machine"
