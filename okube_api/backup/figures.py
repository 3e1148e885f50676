"""Figures of every KPI, by which a restored store is compared with the store that was backed up."""

from datetime import date, timedelta

from okube_api.analytics.modules import MODULES, ModuleSpec
from okube_api.analytics.scope import QuestionScope
from okube_api.analytics.service import Analytics, AnswerOptions
from okube_api.applications.repository import APPLICATIONS
from okube_api.catalogue.kpi import Module
from okube_api.catalogue.registry import CATALOGUE
from okube_api.clock import Clock
from okube_api.errors import Refusal
from okube_api.ingest.batches import Batches
from okube_api.ingest.raw.ping_days import has_pings
from okube_api.kit.application import Application
from okube_api.settings import Settings
from okube_api.store.conditions import EVERYTHING
from okube_api.store.protocol import Store
from okube_api.store.values import Json
from okube_api.studies import everywhere

_PERIOD = timedelta(days=364)


async def compute_figures(store: Store, settings: Settings, clock: Clock) -> Json:
    """Return, by application, the last day of the figures, and by KPI the answer for the year until that day."""
    batches = Batches(store, clock)

    async def is_stale(_application: str) -> bool:
        return False

    analytics = Analytics(
        store, clock, settings, freshness=batches.read_freshness, is_stale=is_stale, has_pings=has_pings
    )
    figures: Json = {}
    async for documents in store.stream(APPLICATIONS, EVERYTHING):
        for document in documents:
            latest = await batches.read_freshness(document["_id"])
            if latest is not None:
                end = date.fromisoformat(latest[:10])
                application = Application.from_document(document)
                figures[document["_id"]] = {
                    "key": document.get("key"),
                    "until": end.isoformat(),
                    "kpis": await _ask_all(analytics, application, end),
                }
    return figures


async def _ask_all(analytics: Analytics, application: Application, end: date) -> Json:
    return {
        f"{module.value} {kpi.name}": await _ask(analytics, MODULES[module], kpi.name, application, end)
        for module, kpis in CATALOGUE.items()
        for kpi in kpis
    }


async def _ask(analytics: Analytics, spec: ModuleSpec, kpi: str, application: Application, end: date) -> Json:
    """Return the tag (a digest) and size of the answer about one KPI for all places, or the code of the refusal."""
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


def compare_figures(expected: Json, restored: Json) -> list[str]:
    """Return a line for each KPI whose figures differ."""
    lines = []
    for identifier, application in expected.items():
        other = restored.get(identifier, {}).get("kpis", {})
        lines += [
            f"{application['key'] or identifier}: {kpi} was {figure}, restored {other.get(kpi)}"
            for kpi, figure in application["kpis"].items()
            if other.get(kpi) != figure
        ]
    return lines
