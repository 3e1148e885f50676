"""The spring of 2024 alone: weeks around a change of clocks, which are ingested quickly."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from okube_api.store.protocol import Store
from okube_api.store.values import Json

from tests.by_hand.truth import Truth
from tests.ingest.ingest_app import IngestApp, with_new_id
from tests.truth.tenant import Tenant, beta

TIME_FIELDS: Mapping[str, str] = {
    "stays": "start",
    "detections": "at",
    "touches": "at",
    "deliveries": "day",
    "visits": "at",
    "purchases": "at",
}


def _is_spring(day: date) -> bool:
    return date(2024, 1, 1) < day < date(2024, 7, 1)


def keep_spring(truth: Truth) -> Truth:
    """Return what happened in the first half of 2024."""

    def select(name: str, field: str) -> list[Any]:
        times = [(event, getattr(event, field)) for event in getattr(truth, name)]
        return [event for event, at in times if _is_spring(at.date() if isinstance(at, datetime) else at)]

    selected: dict[str, Any] = {name: select(name, field) for name, field in TIME_FIELDS.items()}
    return replace(truth, **selected)


@lru_cache
def build_spring_tenant() -> Tenant:
    """Return the tenant `beta` with the truth and the events of the spring."""
    tenant = beta()

    def is_sent(event: Json) -> bool:
        text = event.get("at") or event.get("start") or event.get("day")
        return text is None or _is_spring(date.fromisoformat(text[:10]))

    events = {kind: [event for event in sent if is_sent(event)] for kind, sent in tenant.events.items()}
    return replace(tenant, truth=keep_spring(tenant.truth), events=events)


async def create_spring_app(store: Store) -> IngestApp:
    """Create the documents of the tenant, as those of an application with an id of its own."""
    return await IngestApp(store, with_new_id(build_spring_tenant())).create_documents()


@lru_cache
def list_events_by_id(kind: str) -> list[Json]:
    """Return the events of a kind in the spring, with ids of resources in the place of their keys."""
    truth = build_spring_tenant().truth
    ids = {place.key: place.id for place in (*truth.sites, *truth.pois)}
    ids |= {equipment.key: equipment.id for equipment in truth.equipments}
    ids |= {campaign.key: campaign.id for campaign in truth.campaigns}
    events = build_spring_tenant().events[kind]
    return [{name: ids.get(value, value) for name, value in event.items()} for event in events]
