"""A process killed while it writes leaves what it acknowledged, whole, and nothing else by halves."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from okube_api.store import open_store
from okube_api.store.conditions import equal
from okube_api.store.protocol import Store

from tests.conformance.declared import EVENTS, SCHEMA, STAYS, DOCUMENTS
from tests.store.crashing import APPLICATION, EVENTS_PER_ROUND, STAYS_PER_ROUND, DOCUMENTS_PER_ROUND, make_identifiers

pytestmark = pytest.mark.anyio

KILLS = int(os.environ.get("OKUBE_TEST_KILLS", "3"))
"""How often; 200 by hand take some minutes."""
ROOT = Path(__file__).parents[2]


def killed(path: Path, first: int, lines: int, after_s: float) -> dict[str, int]:
    """Starts a writer, kills it so long after it has said so many things; what it acknowledged last, by what."""
    command = [sys.executable, "-m", "tests.store.crashing", str(path), str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("started"), "the writer did not start"
        said = [process.stdout.readline() for _ in range(lines)]
        time.sleep(after_s)
        process.send_signal(signal.SIGKILL)
        said += [line for line in process.stdout if line.endswith("\n")]
    return {what: int(at) for what, at in map(str.split, said)}


async def check(store: Store, said: dict[str, int]) -> int:
    """Everything acknowledged is there, whole, and of what came after at most one round; the next round's number."""
    async with store.open_reader(APPLICATION) as reader:
        stays = [row async for block in reader.read_parts(STAYS, 0, 9) for row in block.to_pylist()]
        events: Counter[int] = Counter()
        async for block in reader.read_parts(EVENTS, 0, 9):
            events.update(block["batch"].to_pylist())
    versions = {row["dwell_s"] for row in stays}
    assert versions <= {said["change"], said["change"] + 1}, versions
    now = max(versions, default=-1)
    if versions:
        assert (len(versions), len(stays)) == (1, STAYS_PER_ROUND)
        assert events == dict.fromkeys(range(now, max(now - 3, -1), -1), EVENTS_PER_ROUND)
        assert await store.is_committed(APPLICATION, f"change {now}")
    assert not await store.is_committed(APPLICATION, f"change {now + 1}")
    counts = [await store.count(DOCUMENTS, equal("version", at)) for at in range(now + 2)]
    assert set(counts) <= {0, DOCUMENTS_PER_ROUND}
    assert said["things"] < 0 or counts[said["things"]] == DOCUMENTS_PER_ROUND
    asked = dict.fromkeys(one for at in range(now + 2) for one in make_identifiers(at))
    known = [number for number in await store.find_numbers(APPLICATION, "user", list(asked)) if number is not None]
    assert sorted(known) == list(range(len(known)))
    if said["numbers"] >= 0:
        assert None not in await store.find_numbers(APPLICATION, "user", make_identifiers(said["numbers"]))
    return now + 1


async def test_kills_leave_only_what_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "okube.duckdb"
    chance = random.Random(KILLS)
    said = {"change": -1, "things": -1, "numbers": -1}
    first = 0
    slowest = 0.0
    for _ in range(KILLS):
        said |= killed(path, first, chance.randrange(5), chance.uniform(0.0, 0.08))
        store = open_store(f"duckdb:{path}", SCHEMA, memory_limit="256MB", threads=1)
        begun = time.perf_counter()
        await store.start()
        slowest = max(slowest, time.perf_counter() - begun)
        first = await check(store, said)
        await store.close()
    print(f"{KILLS} kills, {first} rounds, the slowest start {slowest:.2f} s")
    assert first > 0
    assert slowest < 30, "3 s on an idle machine"
