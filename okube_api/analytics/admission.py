"""Limits how many questions are in work at the same time, so that they do not take each other's time and memory."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

from okube_api.catalogue.scopes import CAMPAIGN_SCOPES, SCOPE_OF_COLUMN, PlaceRole, Scope
from okube_api.engine.campaigns import get_campaign_scope_values
from okube_api.engine.question import Question
from okube_api.errors import ServiceUnavailable
from okube_api.metrics import QUESTIONS_IN_WORK, QUESTIONS_REFUSED, QUESTIONS_WAITING

LARGEST_SMALL_COST = 50_000
BACKGROUND_COST = math.inf
"""In place of the cost of a question in the background, so that all others come first."""
_MOST_COST_ON_LOOP = 20_000
_MOST_CAMPAIGNS_ON_LOOP = 50  # their fixed costs are computed one by one
_SMALL_PER_LARGE = 4
_SMALL_WAITING_PER_LARGE = 32
_DAY_COST = 5  # of each param: a longer period reads more rows
_AREAS = 1000  # assumed, because the number of areas is only known when the panel is read


def estimate_cost(question: Question) -> int:
    """Return the number of values that a question can have at most, and a surcharge for the days that it reads."""
    days = question.period.last - question.period.first + 1
    cost = 0
    counts: dict[Scope, int] = {}
    for request in question.requested_kpis:
        buckets = question.buckets_of(request)
        width = 1 + (len(buckets.labels) if buckets is not None else 0)
        for by in request.scopes:
            count = 1
            # Two dimensions of one scope have about as many pairs as the scope has values.
            for scope in dict.fromkeys([SCOPE_OF_COLUMN.get(scope, scope) for scope in by.breakdowns[0].scopes]):
                if scope not in counts:
                    named = len(question.named_values.get(scope, ()))  # are in the answer without data, too
                    counts[scope] = max(_count_scope_values(question, scope), named)
                count *= counts[scope]
            cost += width * count
        cost += _DAY_COST * days
    return cost


def is_for_thread(question: Question, cost: int) -> bool:
    """Return whether a question may hold the event loop for more than some milliseconds, even if few rows are read."""
    return cost > _MOST_COST_ON_LOOP or len(question.campaigns) > _MOST_CAMPAIGNS_ON_LOOP


def _count_scope_values(question: Question, scope: Scope) -> int:
    if scope in CAMPAIGN_SCOPES:
        campaigns = question.campaigns
        return len({value for name in campaigns for value in get_campaign_scope_values(name, scope, campaigns)})
    if scope in (Scope.SITES, Scope.POIS):
        return len(question.places.get(PlaceRole(scope.value), ()))
    return len(question.labels) if scope is Scope.EQUIPMENTS else _AREAS


@dataclass(order=True, slots=True)
class _Turn:
    """A question that waits: the cheapest first, then the one that came first."""

    cost: float
    number: int
    called: "asyncio.Future[None]" = field(compare=False)


class _Lane:
    """At most `places` questions in work, and at most `most_waiting` that wait."""

    def __init__(self, places: int, most_waiting: int, retry_after_s: int) -> None:
        self._free, self._most_waiting, self._retry_after_s = places, most_waiting, retry_after_s
        self._waiting: list[_Turn] = []
        self._number = 0

    async def enter(self, cost: float) -> None:
        """Wait for a free place.  Raise ServiceUnavailable when too many questions wait.

        Questions of the cost `BACKGROUND_COST` wait until no other does, however many these are.
        """
        if self._free > 0:
            self._free -= 1
            return
        in_background = cost == BACKGROUND_COST
        if not in_background and sum(turn.cost < BACKGROUND_COST for turn in self._waiting) >= self._most_waiting:
            raise ServiceUnavailable(
                "The server is answering as many questions as it can. Try again later.", self._retry_after_s
            )
        self._number += 1
        turn = _Turn(cost, self._number, asyncio.get_running_loop().create_future())
        heappush(self._waiting, turn)
        try:
            await turn.called
        except asyncio.CancelledError:
            if turn in self._waiting:
                self._waiting.remove(turn)
                heapify(self._waiting)
            elif not turn.called.cancelled():  # it was called before it was cancelled
                self.leave()
            raise

    def leave(self) -> None:
        """Give the place to the cheapest question that waits, or free it."""
        while self._waiting:
            turn = heappop(self._waiting)
            if not turn.called.cancelled():  # else its task is cancelled, but has not run since
                turn.called.set_result(None)
                return
        self._free += 1


class Admission:
    """Lets a limited number of questions be in work; the others wait, the cheapest first.

    Small questions have places of their own, so that they never wait for large ones: four for each place of a large
    question, because a small one takes little memory and mostly waits for the store.
    """

    def __init__(self, places: int, most_waiting: int) -> None:
        """Set the number of large questions in work, and of large ones that may wait."""
        self._large = _Lane(places, most_waiting, retry_after_s=5)
        self._small = _Lane(_SMALL_PER_LARGE * places, _SMALL_WAITING_PER_LARGE * max(most_waiting, 1), retry_after_s=1)
        self._background = asyncio.Lock()

    @asynccontextmanager
    async def admit(self, cost: int) -> AsyncIterator[None]:
        """Hold a place while a question is in work.  Raise ServiceUnavailable when too many questions wait."""
        size, lane = ("small", self._small) if cost <= LARGEST_SMALL_COST else ("large", self._large)
        try:
            with QUESTIONS_WAITING.labels(size).track_inprogress():
                await lane.enter(cost)
        except ServiceUnavailable:
            QUESTIONS_REFUSED.labels(size).inc()
            raise
        try:
            with QUESTIONS_IN_WORK.labels(size).track_inprogress():
                yield
        finally:
            lane.leave()

    @asynccontextmanager
    async def admit_in_background(self) -> AsyncIterator[None]:
        """Hold the one place of questions in the background, once a large question would not have to wait.

        It has a place of its own for its duration, which may be long: other questions do not wait for it.
        """
        async with self._background:
            await self._large.enter(BACKGROUND_COST)
            self._large.leave()
            yield
