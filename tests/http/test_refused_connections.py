"""Log lines and answers of refused connections."""

import asyncio
import itertools
from typing import Any

import pytest
import structlog
from okube_api.errors import BadRequest, UrlTooLong
from okube_api.http import refused_connections
from okube_api.http.refused_connections import ANSWERS_AT_ONCE, WINDOW_S, RefusalLog, RefusalQueue
from structlog.testing import capture_logs


def test_one_line_and_one_summary_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count what is refused in the second that a refusal begins, by reason; the next refusal begins another one."""
    now_s = 100.0
    monkeypatch.setattr(refused_connections, "monotonic", lambda: now_s)
    structlog.reset_defaults()  # other tests log warnings only, or keep loggers with the settings of their first line
    monkeypatch.setattr(refused_connections, "log", structlog.stdlib.get_logger("okube"))
    refusals = RefusalLog()
    with capture_logs() as lines:
        began = [refusals.add(BadRequest("bad"), str(number)) for number in range(500)]
        began += [refusals.add(UrlTooLong("long"), "x")]
        now_s += WINDOW_S
        began += [refusals.add(BadRequest("bad"), "last")]
        refusals.write_summary()
    assert [number for number, has_begun in enumerate(began) if has_begun] == [0, 501]
    assert [(line["event"], line.get("requestId"), line.get("count"), line["reason"]) for line in lines] == [
        ("connection refused", "0", None, "bad"),
        ("more connections refused", None, 499, "bad"),
        ("more connections refused", None, 1, "long"),
        ("connection refused", "last", None, "bad"),
    ]


@pytest.mark.anyio
async def test_many_answers_leave_turns_to_others() -> None:
    loop, queue = asyncio.get_running_loop(), RefusalQueue()
    order: list[Any] = []
    for number in range(3 * ANSWERS_AT_ONCE + 1):
        queue.add(loop, lambda number=number: order.append(number))  # type: ignore[misc]
    for turn in "abcde":
        order.append(turn)
        await asyncio.sleep(0)
    starts = [order.index(turn) for turn in "abcd"]
    assert [end - start - 1 for start, end in itertools.pairwise(starts)] == [ANSWERS_AT_ONCE] * 3
    assert [entry for entry in order if isinstance(entry, int)] == list(range(3 * ANSWERS_AT_ONCE + 1))


def test_answers_of_an_ended_loop_do_not_block_those_of_another() -> None:
    queue = RefusalQueue()
    written: list[str] = []

    async def add(name: str) -> None:
        queue.add(asyncio.get_running_loop(), lambda: written.append(name))
        await asyncio.sleep(0)

    ended = asyncio.new_event_loop()
    queue.add(ended, lambda: written.append("first"))
    ended.close()
    asyncio.run(add("second"))
    assert written == ["second"]
