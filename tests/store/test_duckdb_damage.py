"""Tests that damage of a file of the embedded store is named, and that a file of a newer version is refused."""

import asyncio
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from okube_api.http.problems import convert_error
from okube_api.store import open_store
from okube_api.store.conditions import EVERYTHING, equal
from okube_api.store.duckdb.store import DuckStore
from okube_api.store.errors import StoreDamaged, StoreTooNew

from tests.conformance.declared import DOCUMENTS, SCHEMA, UNINDEXED
from tests.store.damage import HEADERS_BYTES, damage_bytes, damage_table

pytestmark = pytest.mark.anyio


def open_file(path: Path) -> DuckStore:
    """Return the store of a file, not started."""
    return DuckStore(path, SCHEMA, memory_limit="128MB", threads=1)


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """Return the path of a closed file with documents in several blocks."""
    path = tmp_path / "data" / "okube.duckdb"
    store = open_file(path)
    await store.start()
    await store.insert(DOCUMENTS, [{"_id": f"{index:05}", "text": f"{index * 7919:060}"} for index in range(9000)])
    await store.insert(UNINDEXED, [{"_id": "1"}])
    await store.close()
    return path


async def test_a_damaged_block_is_named_and_the_rest_is_answered(path: Path) -> None:
    offset = damage_table(path, DOCUMENTS.name)
    store = open_file(path)
    await store.start()
    with pytest.raises(StoreDamaged, match=f"{path} is damaged at byte {offset}. Restore the latest backup") as error:
        await store.find(DOCUMENTS, EVERYTHING)
    assert await store.count(UNINDEXED, EVERYTHING) == 1
    await store.insert(UNINDEXED, [{"_id": "2"}])
    await store.close()
    problem = convert_error(error.value)
    assert (problem.status, problem.code) == (500, "damaged_data")
    assert str(path) not in problem.detail, "callers get no paths of the server"


async def test_a_check_names_the_tables_that_cannot_be_read(path: Path) -> None:
    offset = damage_table(path, DOCUMENTS.name)
    content = read_content(path)
    checks = {check.name: check async for check in open_file(path).check()}
    assert f"at byte {offset}" in (checks[DOCUMENTS.name].error or "")
    assert (checks[UNINDEXED.name].rows, checks[UNINDEXED.name].error) == (1, None)
    assert [name for name, check in checks.items() if check.error] == [DOCUMENTS.name]
    assert read_content(path) == content


def truncate(path: Path) -> None:
    """Cut off all blocks."""
    with path.open("r+b") as file:
        file.truncate(HEADERS_BYTES + 1000)


def damage_both_headers(path: Path) -> None:
    """Damage the two headers of which the newer one is valid."""
    for offset in (4096, 8192):
        damage_bytes(path, offset)


def copy_file(path: Path, copy: Path) -> None:
    """Copy an open file with its log, as it is after a kill."""
    for suffix in ("", ".wal"):
        Path(f"{copy}{suffix}").write_bytes(Path(f"{path}{suffix}").read_bytes())


def read_modes(path: Path) -> dict[str, int]:
    """Return the permissions of the folder of a file, as `.`, and of the files in it."""
    files = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in path.parent.iterdir() if entry.is_file()}
    return {".": stat.S_IMODE(path.parent.stat().st_mode), **files}


def read_content(path: Path) -> bytes:
    """Return the bytes of a file."""
    return path.read_bytes()


def read_size(path: Path) -> int:
    """Return the size of a file."""
    return path.stat().st_size


@pytest.mark.parametrize(
    ("damage", "place"),
    [
        (lambda path: damage_bytes(path, 0), "its header"),
        (damage_both_headers, r"byte (4096|8192)"),
        (truncate, r"byte \d+"),
    ],
)
async def test_a_file_that_cannot_be_opened_is_one_sentence(
    path: Path, damage: Callable[[Path], object], place: str
) -> None:
    damage(path)
    for opening in (open_file(path).start(), anext(open_file(path).check())):
        with pytest.raises(StoreDamaged, match=f"{path} is damaged at {place}. Restore the latest backup of the file."):
            await opening


async def test_a_damaged_log_is_named(path: Path, tmp_path: Path) -> None:
    store = open_file(path)
    await store.start()
    await store.insert(UNINDEXED, [{"_id": f"{index}", "text": "x" * 500} for index in range(100, 200)])
    killed = tmp_path / "killed.duckdb"
    copy_file(path, killed)
    await store.close()
    damage_bytes(Path(f"{killed}.wal"), read_size(Path(f"{killed}.wal")) // 2)  # in the texts, not in a length
    with pytest.raises(StoreDamaged, match=f"{killed}.wal is damaged at byte"):
        await open_file(killed).start()


async def test_files_are_for_their_owner_only(path: Path) -> None:
    os.chmod(path, 0o644)  # noqa: PTH101 - as earlier versions created it
    store = open_file(path)
    await store.start()
    await store.insert(UNINDEXED, [{"_id": "3"}])
    await store._upkeep.run_once()
    files = ("okube.duckdb", "okube.duckdb.wal", "okube.duckdb.reserve")
    assert read_modes(path) == {".": 0o700, **dict.fromkeys(files, 0o600)}
    await store.close()


async def test_a_file_of_a_newer_version_is_refused(path: Path) -> None:
    newer = open_store(f"duckdb:{path}", replace(SCHEMA, version=7))
    await newer.start()
    await newer.close()
    with pytest.raises(StoreTooNew, match=f"{path} has schema version 7; this version of okube-api knows .* up to 1"):
        await open_file(path).start()
    for _ in range(2):
        await newer.start()
        assert await newer.count(UNINDEXED, equal("_id", "1")) == 1
        await newer.close()


@pytest.mark.slow
async def test_free_blocks_are_given_back_while_the_store_is_in_use(path: Path) -> None:
    store = open_file(path)
    await store.start()
    await store._upkeep.close()  # its work is done step by step below
    text = "x" * 2000
    for version in range(2):
        documents = [{"_id": f"{index:05}", "version": version, "text": text} for index in range(9000)]
        await store.write(DOCUMENTS, (), documents)
        await store._database.checkpoint()
    await store.delete(DOCUMENTS, ~equal("_id", "00007"))
    assert read_size(path) > 18_000_000
    await store._database.checkpoint()
    async with store.open_reader("a") as reader:
        assert await reader.list_parts(SCHEMA.tables[0]) == []
        assert not await store._database.compact(), "the file is in use"
    reading = asyncio.create_task(store.find(DOCUMENTS, EVERYTHING))
    await store._upkeep.run_once()
    assert (await reading)[0]["text"] == text
    await store._upkeep.run_once()
    assert read_size(path) < 3_000_000
    assert await store.find(DOCUMENTS, EVERYTHING) == [{"_id": "00007", "version": 1, "text": text}]
    await store.close()
    assert read_size(path) < 3_000_000
