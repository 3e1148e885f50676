"""Figures of every KPI, by which a restored store is compared with the store that was backed up."""

from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

from okube_api.analytics.answer_options import AnswerOptions
from okube_api.analytics.modules import MODULES, ModuleSpec
from okube_api.analytics.scope import QuestionScope
from okube_api.analytics.service import Analytics
from okube_api.applications.repository import APPLICATIONS
from okube_api.catalogue.kpi import Module
from okube_api.catalogue.registry import CATALOGUE
from okube_api.clock import Clock
from okube_api.errors import Refusal
from okube_api.ingest.raw.ping_days import has_pings
from okube_api.kit.application import Application
from okube_api.settings import Settings
from okube_api.store.conditions import EVERYTHING
from okube_api.store.protocol import Store
from okube_api.store.values import Json
from okube_api.studies import everywhere

_PERIOD = timedelta(days=364)

Freshness = Callable[[str], Awaitable[str | None]]
"""Returns the instant of the latest event of an application (RFC 3339), by its id; None without events."""


async def compute_figures(
    store: Store, settings: Settings, clock: Clock, read_freshness: Freshness
) -> AsyncGenerator[Json, None]:
    """Yield a figure for each KPI of each application that has events: its answer for the year until the last event.

    A figure has `application` (an id), `key`, `until`, `kpi` (with its module), and either `etag` (a digest) and
    `bytes` of the answer, or `refused` (a code) when the question was not answered.
    """

    async def is_stale(_application: str) -> bool:
        return False

    analytics = Analytics(store, clock, settings, freshness=read_freshness, is_stale=is_stale, has_pings=has_pings)
    async for documents in store.stream(APPLICATIONS, EVERYTHING):
        for document in documents:
            latest = await read_freshness(document["_id"])
            if latest is None:
                continue
            application, end = Application.from_document(document), date.fromisoformat(latest[:10])
            head = {"application": application.id, "key": document.get("key"), "until": end.isoformat()}
            for module, kpis in CATALOGUE.items():
                for kpi in kpis:
                    figure = await _ask(analytics, MODULES[module], kpi.name, application, end)
                    yield {**head, "kpi": f"{module.value} {kpi.name}", **figure}


async def _ask(analytics: Analytics, spec: ModuleSpec, kpi: str, application: Application, end: date) -> Json:
    """Return the tag and size of the answer about one KPI for all places, or the code of the refusal."""
    study = everywhere.build_study(application.id) if spec.module is Module.GEO_MARKETING else None
    query = spec.query.model_validate({"params": [{"kpi": kpi, "granularity": "month"}]})
    options = AnswerOptions(start=end - _PERIOD, end=end)
    try:
        answer = await analytics.answer(query, QuestionScope(application, study), options)
    except Refusal as refusal:
        return {"refused": refusal.code}
    if answer.content.file is not None:
        answer.content.file.close()
    return {"etag": answer.content.etag, "bytes": answer.content.size}


@dataclass(slots=True)
class FigureComparison:
    """Figures of a backup and of the store that was restored from it.

    equal: how many are the same.
    problems: a sentence for each that is not the same, or that the restored store did not answer.
    refused: how many cannot be compared, because the backed-up server refused the question, by the code of the refusal.
    """

    equal: int = 0
    problems: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)


def compare_figures(expected: Iterable[Json], restored: Iterable[Json]) -> FigureComparison:
    """Compare each figure of a backup with that of the restored store."""
    answers = {(figure["application"], figure["kpi"]): figure for figure in restored}
    comparison = FigureComparison()
    for figure in expected:
        name = f"{figure['key'] or figure['application']}: {figure['kpi']}"
        answer = answers.get((figure["application"], figure["kpi"]))
        if "refused" in figure:
            comparison.refused[figure["refused"]] += 1
        elif answer is None:
            comparison.problems.append(f"{name} is missing: the restored application has no events, or no such KPI.")
        elif "refused" in answer:
            comparison.problems.append(f"{name} was refused by the restored store: {answer['refused']}.")
        elif answer == figure:
            comparison.equal += 1
        else:
            comparison.problems.append(
                f"{name} differs: {_describe_answer(figure)} in the backup, {_describe_answer(answer)} restored."
            )
    return comparison


def _describe_answer(figure: Json) -> str:
    return f"{figure['bytes']} bytes (tag {figure['etag']}, until {figure['until']})"
