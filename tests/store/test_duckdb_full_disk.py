"""Tests that the embedded store survives a full disk; `scripts/faults.py disk-full` tries many more points."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from okube_api.store.duckdb import connection
from okube_api.store.duckdb.disk_reserve import DiskReserve, read_free_bytes

from tests.store.full_disk import DISK_BYTES, fill_disk
from tests.store.small_disk import CannotMount, SmallDisk, mount_small_disk

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """Mount a small disk; skip the test where that is not allowed."""
    try:
        with mount_small_disk(tmp_path / "disk", DISK_BYTES) as mounted:
            yield mounted
    except CannotMount as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("point", [0, 3])
async def test_a_full_disk_refuses_writes_and_answers_reads(disk: SmallDisk, point: int) -> None:
    result = await fill_disk(disk, point)
    assert result.refused > 0
    assert result.recovery_s < 5


async def test_a_commit_is_told_from_the_failure_of_its_checkpoint(
    disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let DuckDB make its own checkpoints, which fail after the commit and invalidate the database."""
    monkeypatch.setattr(connection, "_MANUAL_CHECKPOINTS", {"checkpoint_threshold": "100KB"})
    result = await fill_disk(disk, 2)
    assert result.refused > 0
    assert result.recovery_s < 5


def test_the_reserve_is_given_back_and_made_again(disk: SmallDisk) -> None:
    reserve = DiskReserve(disk.folder / "okube.duckdb")
    assert reserve.create()
    assert reserve.create()
    reserved = DISK_BYTES - read_free_bytes(disk.folder)
    assert DISK_BYTES // 5 < reserved < DISK_BYTES // 3
    disk.fill()
    assert reserve.release()
    assert not reserve.release()
    assert read_free_bytes(disk.folder) >= reserved
    assert not reserve.create(), "the room that was given back may not be reserved at once"
    disk.empty()
    assert reserve.create()
