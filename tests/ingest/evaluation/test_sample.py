"""Tests the evaluation of an application: visits that equal its stays, and what other lines of the file do."""

import csv
import gzip
from collections.abc import Sequence
from datetime import timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from okube_api.errors import Refusal
from okube_api.ingest.evaluation.sample import StaySample, load_sample
from okube_api.ingest.evaluation.search import search_settings
from okube_api.ingest.parse.read_options import ReadOptions
from okube_api.kit.application import NEW_STAYS, Application, Stays
from okube_api.pois.repository import POIS
from okube_api.sites.repository import SITES
from okube_api.store.protocol import Store

from tests.by_hand.truth import Stay, Truth
from tests.ingest.ingest_app import SECRET, IngestApp
from tests.ingest.random_towns import build_town
from tests.ingest.town_truth import derive_town_stays
from tests.truth.tenant import Tenant

pytestmark = pytest.mark.anyio

NUMBERS = count(0x3000)
HEADER = ("user", "place", "start", "end")


def write_visits(folder: Path, rows: Sequence[Sequence[Any]]) -> Path:
    """Write a file of visits, compressed."""
    path = folder / "visits.csv.gz"
    with gzip.open(path, "wt", newline="") as file:
        csv.writer(file).writerows([HEADER, *rows])
    return path


def to_row(stay: Stay) -> tuple[str, ...]:
    end = stay.start + timedelta(seconds=stay.dwell_s)
    return stay.user, stay.place, stay.start.isoformat(), end.isoformat()


class EvaluatedTown:
    """A town in a store, and the indoor stays that plain Python derives of its pings."""

    def __init__(self, app: IngestApp, stays: Sequence[Stay], mall: str) -> None:
        self.app, self.stays, self.mall = app, stays, mall

    async def load(self, folder: Path, rows: Sequence[Sequence[Any]]) -> StaySample:
        """Return the sample of a file of visits."""
        path = write_visits(folder, rows)
        return await load_sample(self.app.store, self.app.application, SECRET, path, ReadOptions())


@pytest.fixture(scope="module")
async def town(module_store: Store) -> EvaluatedTown:
    """Ingest a town with the settings of new applications."""
    place = build_town(next(NUMBERS), Random(5), circles=True)
    stays = [stay for stay in derive_town_stays(place, NEW_STAYS) if stay.zone == "indoor"]
    app = IngestApp(module_store, Tenant(place.id, place.id, "Town", {}, Truth(), {}))
    app.document["settings"] = {"stays": NEW_STAYS.model_dump(by_alias=True)}
    app.application = Application.from_document(app.document)
    await app.create_documents()
    await module_store.insert(SITES, place.sites)
    await module_store.insert(POIS, place.pois)
    await app.ingest_events("pings", place.pings)
    return EvaluatedTown(app, stays, place.shapes[-1].id)


async def test_visits_that_are_the_stays_are_all_matched(town: EvaluatedTown, tmp_path: Path) -> None:
    sample = await town.load(tmp_path, [to_row(stay) for stay in town.stays])
    for scores in (sample.score_facts(), sample.score_settings(NEW_STAYS)):
        assert (scores.precision, scores.recall) == (1, 1)
        assert scores.correlation == pytest.approx(1)
        assert scores.stays.sum() == len(town.stays)
        assert scores.dwell_error_quartiles_s == (0, 0, 0)


async def test_only_stays_of_the_users_and_days_of_the_file_count(town: EvaluatedTown, tmp_path: Path) -> None:
    """Check that of a user with one visit, stays of the other day do not count, unless a line elsewhere says so."""
    stay = min((stay for stay in town.stays if stay.place != town.mall), key=lambda stay: stay.start)
    own = [other for other in town.stays if other.user == stay.user and other.place != town.mall]
    same_day = [other for other in own if other.start.date() == stay.start.date()]
    assert len(own) > len(same_day)
    sample = await town.load(tmp_path, [to_row(stay)])
    assert sample.score_facts().stays.sum() == len(same_day)
    assert sample.pings.num_rows > 0
    next_day = (stay.start + timedelta(days=1)).isoformat()
    sample = await town.load(tmp_path, [to_row(stay), (stay.user, "home", next_day, next_day)])
    assert sample.score_facts().stays.sum() == len(own)
    assert (sample.counts.scored, sample.counts.elsewhere) == (1, 1)


async def test_unknown_users_are_left_out_and_get_no_number(town: EvaluatedTown, tmp_path: Path) -> None:
    stay = town.stays[0]
    rows = [to_row(stay), ("nobody", *to_row(stay)[1:]), ("x", "y", "soon", "later")]
    for _ in range(2):
        sample = await town.load(tmp_path, rows)
        assert (sample.counts.unknown_users, len(sample.counts.rejected), len(sample.visits)) == (1, 1, 1)
    with pytest.raises(Refusal, match="1 name users without events"):
        await town.load(tmp_path, rows[1:2])


async def test_stays_of_other_settings_are_derived_without_storing_them(town: EvaluatedTown, tmp_path: Path) -> None:
    sample = await town.load(tmp_path, [to_row(stay) for stay in town.stays])
    before = sample.score_facts().stays.sum()
    longer = NEW_STAYS.model_copy(update={"minimum_seconds": 3600})
    assert 0 < sample.score_settings(longer).stays.sum() < before
    assert (await town.load(tmp_path, [to_row(town.stays[0])])).score_facts().precision is not None


async def test_the_search_finds_the_rule_that_made_the_visits(town: EvaluatedTown, tmp_path: Path) -> None:
    sample = await town.load(tmp_path, [to_row(stay) for stay in town.stays])
    tried: list[int] = []
    best, *worse = search_settings(sample, Stays(), 3, tried.append)
    assert best.chosen_on.f1 == 1
    assert best.checked_on is not None
    assert best.checked_on.f1 == 1
    assert len(worse) == 2
    assert tried == list(range(1, len(tried) + 1))
    assert np.array_equal(np.sort(np.concatenate((sample.users[::2], sample.users[1::2]))), sample.users)
