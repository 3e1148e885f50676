"""Kills writers to an embedded store, and checks what their store keeps."""

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from okube_api.store import open_store
from okube_api.store.conditions import equal
from okube_api.store.protocol import Store

from tests.conformance.declared import DOCUMENTS, EVENTS, SCHEMA, STAYS
from tests.store.crashing import APPLICATION, DOCUMENTS_PER_ROUND, EVENTS_PER_ROUND, STAYS_PER_ROUND, make_identifiers

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class KillResult:
    """What happened over several kills.

    rounds: how many rounds of writes the writers began.  slowest_start_s: the longest start after a kill.
    """

    rounds: int
    slowest_start_s: float


def kill_writer(path: Path, first: int, lines: int, after_s: float) -> dict[str, int]:
    """Start a writer and kill it `after_s` after a number of lines.

    Return the last round that it acknowledged, by subject.
    """
    command = [sys.executable, "-m", "tests.store.crashing", str(path), str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("started"), "the writer did not start"
        acknowledged = [process.stdout.readline() for _ in range(lines)]
        time.sleep(after_s)
        process.send_signal(signal.SIGKILL)
        acknowledged += [line for line in process.stdout if line.endswith("\n")]
    return {subject: int(round_number) for subject, round_number in map(str.split, acknowledged)}


async def check_store(store: Store, acknowledged: dict[str, int]) -> int:
    """Check that acknowledged writes are complete, with at most one round more; return the next round's number."""
    async with store.open_reader(APPLICATION) as reader:
        stays = [row async for block in reader.read_parts(STAYS, 0, 9) for row in block.to_pylist()]
        events: Counter[int] = Counter()
        async for block in reader.read_parts(EVENTS, 0, 9):
            events.update(block["batch"].to_pylist())
    versions = {row["dwell_s"] for row in stays}
    assert versions <= {acknowledged["change"], acknowledged["change"] + 1}, versions
    now = max(versions, default=-1)
    if versions:
        assert (len(versions), len(stays)) == (1, STAYS_PER_ROUND)
        assert events == dict.fromkeys(range(now, max(now - 3, -1), -1), EVENTS_PER_ROUND)
        assert await store.is_committed(APPLICATION, f"change {now}")
    assert not await store.is_committed(APPLICATION, f"change {now + 1}")
    counts = [await store.count(DOCUMENTS, equal("version", round_number)) for round_number in range(now + 2)]
    assert set(counts) <= {0, DOCUMENTS_PER_ROUND}
    assert acknowledged["documents"] < 0 or counts[acknowledged["documents"]] == DOCUMENTS_PER_ROUND
    identifiers = dict.fromkeys(
        identifier for round_number in range(now + 2) for identifier in make_identifiers(round_number)
    )
    numbers = [
        number for number in await store.find_numbers(APPLICATION, "user", list(identifiers)) if number is not None
    ]
    assert sorted(numbers) == list(range(len(numbers)))
    if acknowledged["numbers"] >= 0:
        assert None not in await store.find_numbers(APPLICATION, "user", make_identifiers(acknowledged["numbers"]))
    return now + 1


async def kill_writers(path: Path, kills: int) -> KillResult:
    """Kill one writer after the other at random instants, and check the store after each."""
    generator = random.Random(kills)
    acknowledged = {"change": -1, "documents": -1, "numbers": -1}
    first = 0
    slowest = 0.0
    for _ in range(kills):
        acknowledged |= kill_writer(path, first, generator.randrange(5), generator.uniform(0.0, 0.08))
        store = open_store(f"duckdb:{path}", SCHEMA, memory_limit="256MB", threads=1)
        started_at = time.perf_counter()
        await store.start()
        slowest = max(slowest, time.perf_counter() - started_at)
        first = await check_store(store, acknowledged)
        await store.close()
    return KillResult(first, slowest)
