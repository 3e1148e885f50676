"""The generated years of the demo: every KPI equals its value computed by hand from the events of the generator."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from okube_api.applications.repository import APPLICATIONS
from okube_api.catalogue.kpi import Module
from okube_api.clock import DAY_S
from okube_api.demo.generator.events import generate_events
from okube_api.demo.generator.visits import FOLLOW_UP_DAYS
from okube_api.demo.generator.world import build_worlds
from okube_api.store.conditions import EVERYTHING

from tests.by_hand import conversion, geomarketing, performance, presence
from tests.by_hand.question import Question
from tests.demo.filled_demo import DEEP, SCALE, UNTIL, FilledDemo, to_utc
from tests.engine import ask_conversion
from tests.engine.ask import ask

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

# -- questions ---------------------------------------------------------------------------------------------------

PERIODS = (
    ("histogram", "month", date(2024, 1, 7), date(2025, 1, 5)),
    ("aggregation", "week", date(2024, 3, 18), date(2024, 11, 3)),
)


def question_id(question: Question) -> str:
    return f"{question.scope}-{question.mode}"


def build_questions(*scopes: str) -> list[Question]:
    """Return a question by each scope, over one of the periods in turn; with DEEP over both."""
    by_period = [[Question(first, last, mode, granularity, scope, uplift=mode == "histogram") for scope in scopes]
            for mode, granularity, first, last in PERIODS]  # fmt: skip
    return [*by_period[0], *by_period[1]] if DEEP else [by_period[number % 2][number] for number in range(len(scopes))]


@pytest.mark.parametrize("question", build_questions("globals", "homes", "sites"), ids=question_id)
async def test_geo_marketing(demo: FilledDemo, question: Question) -> None:
    study = next(study.id for study in demo.truth.studies if study.key == "all")
    question = replace(question, study=study)
    kpis = tuple(kpi for kpi, definition in geomarketing.KPIS.items() if question.scope in definition.scopes)
    async with demo.services.store.open_reader(demo.application) as reader:
        answers = await ask(reader, demo.truth, Module.GEO_MARKETING, kpis, question)
    for kpi, answer in zip(kpis, answers, strict=True):
        assert answer == geomarketing.geomarketing(demo.truth, kpi, question), kpi


@pytest.mark.parametrize(
    "question", build_questions("levers", "globals", *(("campaigns", "sites") if DEEP else ())), ids=question_id
)
async def test_conversion(demo: FilledDemo, question: Question) -> None:
    kpis = tuple(kpi for kpi in conversion.KPIS if question.scope in conversion.scopes(kpi))
    async with demo.services.store.open_reader(demo.application) as reader:
        answers = await ask_conversion.ask(reader, demo.truth, kpis, question)
    for kpi, answer in zip(kpis, answers, strict=True):
        assert answer == conversion.conversion(demo.truth, kpi, question), kpi


@pytest.mark.parametrize("question", build_questions("sites", "globals", "equipments"), ids=question_id)
async def test_presence(demo: FilledDemo, question: Question) -> None:
    question = replace(question, uplift=False)
    kpis = tuple(kpi for kpi in presence.KPIS if question.scope in presence.scopes(kpi))
    async with demo.services.store.open_reader(demo.application) as reader:
        answers = await ask(reader, demo.truth, Module.PRESENCE, kpis, question)
    for kpi, answer in zip(kpis, answers, strict=True):
        assert answer == presence.presence(demo.truth, kpi, question), kpi


@pytest.mark.parametrize("question", build_questions("sites", "globals", "channels"), ids=question_id)
async def test_performance(demo: FilledDemo, question: Question) -> None:
    async with demo.services.store.open_reader(demo.application) as reader:
        answers = await ask(reader, demo.truth, Module.PERFORMANCE, tuple(performance.KPIS), question)
    for kpi, answer in zip(performance.KPIS, answers, strict=True):
        assert answer == performance.performance(demo.truth, kpi, question), kpi


# -- the generator -----------------------------------------------------------------------------------------------


def test_same_world_gives_the_same_events() -> None:
    first, second = (list(generate_events(build_worlds(UNTIL, SCALE)[0])) for _ in range(2))
    assert [kind for kind, _ in first] == [kind for kind, _ in second]
    assert all(rows.equals(repeated) for (_, rows), (_, repeated) in zip(first, second, strict=True))


def test_exposed_users_visit_more_often_by_the_lift_of_the_world() -> None:
    """Compare visits in the days after a touch with those of the control group."""
    world = build_worlds(UNTIL)[0]
    events = dict(generate_events(world))
    visits: dict[str, list[float]] = {}
    for user, at in zip(*(events["visits"][name].to_pylist() for name in ("user", "at")), strict=True):
        visits.setdefault(user, []).append(to_utc(at).timestamp())
    counts: dict[bool, list[int]] = {True: [], False: []}
    for touch in events["touches"].to_pylist():
        at = to_utc(touch["at"]).timestamp()
        after = [visit for visit in visits.get(touch["user"], ()) if at < visit <= at + FOLLOW_UP_DAYS * DAY_S]
        counts[touch["kind"] == "control"].append(len(after))
    lift = np.mean(counts[False]) / np.mean(counts[True]) - 1
    assert lift == pytest.approx(world.lift, abs=0.25)  # touches of the same user share its visits
    assert lift > 0.2


async def test_both_applications_exist(demo: FilledDemo) -> None:
    applications = await demo.services.store.find(APPLICATIONS, EVERYTHING)
    assert sorted(application["key"] for application in applications) == ["maison-lumen", "petit-quai"]
