"""Loads what the stays of an application are evaluated with: true visits, and the pings and stays of their users."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from okube_api.catalogue.facts import GEO_STAYS
from okube_api.errors import Impossible
from okube_api.ingest.columns.columns import DayRange, expand_ranges, to_codes, to_integers
from okube_api.ingest.columns.local_days import to_utc_days
from okube_api.ingest.derive.geo_stays import find_stays, match_pings
from okube_api.ingest.derive.ping_runs import PingSessionizer
from okube_api.ingest.derive.place_index import ZONE_KINDS, PlaceIndex, index_places
from okube_api.ingest.derive.sessionize import Detections
from okube_api.ingest.evaluation.scores import Intervals, StayScores, score_stays
from okube_api.ingest.evaluation.visit_file import PlaceNames, SentVisits, read_visit_file
from okube_api.ingest.events.kinds import PINGS
from okube_api.ingest.load.pseudonyms import USER, Pseudonyms
from okube_api.ingest.parse.read_options import ReadOptions
from okube_api.ingest.parse.text import RejectedLine
from okube_api.ingest.raw.identified_events import read_identified_events
from okube_api.ingest.raw.reader import BatchDelta, read_live_batches
from okube_api.ingest.refresh.context import build_place_rules
from okube_api.ingest.refresh.geo_stays import build_ping_limits, build_ping_rules
from okube_api.kit.application import NEW_STAYS, Application, Stays
from okube_api.pois.repository import POIS
from okube_api.sites.repository import SITES
from okube_api.store.arrays import Flags, Ints
from okube_api.store.conditions import equal
from okube_api.store.protocol import Reader, Store
from okube_api.store.ranges import join_ranges

MAX_PINGS = 20_000_000
_MARGIN_D = 1  # pings of the day before and after can belong to the same stay
_DAYS = 10_000_000  # more than any day; packs a user and a day into one integer
_ALL_DAYS: DayRange = (-(2**31), 2**31 - 1)

_RULES = NEW_STAYS.model_dump(
    include={
        "gap_minutes",
        "end_after_elsewhere",
        "minimum_share",
        "minimum_seconds",
        "walking_speed",
        "dwell",
    }
)
"""Settings on which it does not depend in which zones a ping is; with these values, pings in no zone are kept, too."""

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class VisitCounts:
    """What became of the lines of a file of visits.

    scored: lines with a visit of a known user at a known place.  elsewhere: lines at places that the application does
    not have; they say that the user was observed on these days.  unknown_users: lines of users without any events.
    """

    scored: int
    elsewhere: int
    unknown_users: int
    rejected: Sequence[RejectedLine]


class StaySample:
    """Visits that are known, and the pings of their users on those days."""

    def __init__(
        self,
        sites: Sequence[Document],
        pois: Sequence[Document],
        timezone: str,
        *,
        visits: Intervals,
        observed: Ints,
        counts: VisitCounts,
        pings: pa.Table,
        stored: Intervals,
    ) -> None:
        """visits: those at places of the application.

        observed: the users and UTC days on which all visits are known, packed, ascending.
        stored: the stays of the application's facts.
        """
        self._sites, self._pois, self._timezone = sites, pois, timezone
        self.visits, self.counts, self.pings = visits, counts, pings
        self._observed, self._stored = observed, stored
        self._matched: dict[Stays, tuple[PlaceIndex, Detections]] = {}  # by the settings that matching depends on

    @cached_property
    def places(self) -> list[Document]:
        """The places in the order of the counts of scores."""
        return sorted((*self._sites, *self._pois), key=lambda place: str(place["_id"]))

    @cached_property
    def users(self) -> Ints:
        """The users that have visits, ascending."""
        return np.unique(self.visits.user)

    @cached_property
    def _is_scored(self) -> Flags:
        """Whether stays at each place are scored: not at parents of other places, unless there are visits."""
        parents = {place.get("parent") for place in self.places}
        is_scored = np.array([place["_id"] not in parents for place in self.places], np.bool_)
        is_scored[self.visits.place] = True
        return is_scored

    def score_facts(self) -> StayScores:
        """Return the scores of the stays that the application has now."""
        return self._score(self._stored, self.visits)

    def score_settings(self, settings: Stays, users: Ints | None = None) -> StayScores:
        """Return the scores of the stays that settings make of the pings.  users: the only ones to look at."""
        stays, visits = self.derive_stays(settings), self.visits
        if users is not None:
            stays, visits = (side.take(np.isin(side.user, users)) for side in (stays, visits))
        return self._score(stays, visits)

    def derive_stays(self, settings: Stays) -> Intervals:
        """Return the indoor stays that settings make of the pings."""
        matching = settings.model_copy(update=_RULES)
        if matching not in self._matched:
            places = index_places(self._sites, self._pois, self._timezone, build_place_rules(matching))
            unchanged = np.zeros(self.pings.num_rows, np.int64)
            sessionizer = PingSessionizer(places, build_ping_rules(matching), build_ping_limits(matching))
            detections, _ = match_pings(self.pings, unchanged, sessionizer)
            self._matched[matching] = places, detections
        places, detections = self._matched[matching]
        places = replace(places, rules=build_place_rules(settings))
        sessionizer = PingSessionizer(places, build_ping_rules(settings), build_ping_limits(settings))
        stays = find_stays(sessionizer.sessionize(detections), sessionizer, _ALL_DAYS)
        indoor = stays.take(np.flatnonzero(stays.zone % len(ZONE_KINDS) == 0))
        return Intervals(
            indoor.user, indoor.zone // len(ZONE_KINDS), indoor.start_ms, indoor.start_ms + indoor.dwell_s * 1000
        )

    def _score(self, stays: Intervals, visits: Intervals) -> StayScores:
        stays = stays.take(self._is_scored[stays.place])
        is_observed = np.isin(_pack_days(stays.user, to_utc_days(stays.start_ms)), self._observed)
        return score_stays(stays, visits, len(self.places), is_observed)


async def load_sample(
    store: Store, application: Application, secret: bytes, path: Path, options: ReadOptions
) -> StaySample:
    """Return the visits of a file with the pings and stays of their users.

    Users are pseudonymised in memory, by the secret; nothing is stored.
    Raise Impossible when no line is a visit of a known user at a known place, or when there are too many pings.
    """
    where = equal("application", application.id)
    sites, pois = [await store.find(collection, where) for collection in (SITES, POIS)]
    ids = sorted((place["_id"] for place in (*sites, *pois)), key=str)
    sent = await read_visit_file(path, options, PlaceNames(sites, pois, ids, application.timezone))
    users = await _find_users(store, application, secret, sent)
    is_known, is_here = users >= 0, sent.place >= 0
    counts = VisitCounts(
        scored=int(np.count_nonzero(is_known & is_here)),
        elsewhere=int(np.count_nonzero(is_known & ~is_here)),
        unknown_users=int(np.count_nonzero(~is_known)),
        rejected=sent.rejected,
    )
    if counts.scored == 0:
        raise Impossible(
            f"No line is a visit of a known user at a known place: {len(sent.rejected)} lines are invalid, "
            f"{counts.unknown_users} name users without events, {counts.elsewhere} name unknown places."
        )
    days = _list_days(users[is_known], sent.start_ms[is_known], sent.end_ms[is_known])
    async with store.open_reader(application.id) as view:
        pings = await _read_pings(view, days)
        stored = await _read_stays(view, days, ids)
    rows = is_known & is_here
    visits = Intervals(users[rows], sent.place[rows], sent.start_ms[rows], sent.end_ms[rows])
    return StaySample(
        sites, pois, application.timezone, visits=visits, observed=days, counts=counts, pings=pings, stored=stored
    )


async def _find_users(store: Store, application: Application, secret: bytes, sent: SentVisits) -> Ints:
    """Return the user number of each visit, -1 for users that have none."""
    encoded = sent.user.combine_chunks().dictionary_encode()
    numbers = await Pseudonyms(store, application.id, secret).find_numbers(USER, encoded.dictionary.to_pylist())
    of_name = np.array([-1 if number is None else number for number in numbers], np.int64)
    result: Ints = of_name[encoded.indices.to_numpy()]
    return result


def _list_days(user: Ints, start_ms: Ints, end_ms: Ints) -> Ints:
    """Return the users and UTC days of visits, packed, distinct and ascending."""
    first_day, last_day = to_utc_days(start_ms), to_utc_days(end_ms)
    counts = last_day - first_day + 1
    return np.unique(_pack_days(np.repeat(user, counts), expand_ranges(first_day, counts)))


def _pack_days(user: Ints, day: Ints) -> Ints:
    return user * _DAYS + day


def _add_margin(days: Ints) -> Ints:
    """Return packed users and days with the days around them."""
    margin = np.arange(-_MARGIN_D, _MARGIN_D + 1)
    return np.unique(days[:, None] + margin)


def _list_spans(days: Ints) -> list[DayRange]:
    """Return the ranges of days among packed users and days."""
    return join_ranges([(day, day) for day in np.unique(days % _DAYS).tolist()])


async def _read_pings(view: Reader, days: Ints) -> pa.Table:
    """Return the pings of packed users and days, and of the days around them, each event once."""
    days = _add_margin(days)
    live = frozenset(number for number, kind in (await read_live_batches(view)).items() if kind == PINGS.name)
    blocks: list[pa.Table] = []
    size = 0
    for first, last in _list_spans(days):
        async for block, _ in read_identified_events(view, PINGS, first, last, BatchDelta(live)):
            packed = _pack_days(to_integers(block["user"]), to_integers(block["part"]))
            blocks.append(block.filter(pa.array(np.isin(packed, days))))
            size += blocks[-1].num_rows
            if size > MAX_PINGS:
                raise Impossible(f"The visits have more than {MAX_PINGS:,} pings. Give a file of fewer users or days.")
    if not blocks:
        raise Impossible("There are no pings on the days of the visits.")
    return await asyncio.to_thread(pa.concat_tables, blocks)


async def _read_stays(view: Reader, days: Ints, ids: Sequence[str]) -> Intervals:
    """Return the indoor stays of the facts, of packed users and days and of the days around them."""
    days = _add_margin(days)
    columns: list[Sequence[Ints]] = []
    # Facts are stored by local day, which is at most one day apart from the UTC day.
    for first, last in _list_spans(_add_margin(days)):
        async for block in view.read_parts(GEO_STAYS.table, first, last):
            user, start_ms = to_integers(block["user"]), to_integers(block["start"])
            place = to_codes(block["place"], ids).astype(np.int64)
            rows = np.flatnonzero(
                np.isin(_pack_days(user, to_utc_days(start_ms)), days)
                & (to_codes(block["zone"], ZONE_KINDS) == 0)
                & (place >= 0)
            )
            end_ms = start_ms + to_integers(block["dwell_s"]) * 1000
            columns.append([column[rows] for column in (user, place, start_ms, end_ms)])
    none = np.empty(0, np.int64)
    return Intervals(*(np.concatenate([none, *(block[index] for block in columns)]) for index in range(4)))
