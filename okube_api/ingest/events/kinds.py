"""Registry of event kinds: the fields and the table of each kind, and the columns by which two events are the same.

All code that compares events reads the keys here: the counts of accepted events (`raw/new_events.py`), the facts
(`derive/deduplication.py`, `derive/latest.py`) and the documents derived from events (`refresh/documents.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from okube_api.ingest.events import models, tables
from okube_api.store.schema import Table


@dataclass(frozen=True, slots=True)
class EventKind:
    """How events of one kind are sent, stored and deduplicated.

    model: the fields as sent.  table: the columns as stored.
    time_field: the field that says when the event happened, as sent; None for references, which have no date.
    natural_key: of events that are equal in these columns, only the one of the latest batch counts.
    deduplication_key: events of one UTC day that have no `id` are duplicates when they are equal in these columns.
    A kind has either a natural key or a deduplication key.
    """

    name: str
    model: type[models.Event]
    table: Table
    time_field: str | None = None
    natural_key: tuple[str, ...] = ()
    deduplication_key: tuple[str, ...] = ()


OWN_ID_KEY = (*(column.name for column in tables.OWN_ID), "user")
"""Columns with the hash of an event's `id`, and its user: events of one user and UTC day with the same `id` are
duplicates.  So the events of a user can be deduplicated without those of others."""
PING_DETAILS = ("accuracy", "speed")
"""Columns of pings that do not distinguish pings."""

AREAS = EventKind("areas", models.AreaEvent, tables.AREAS, natural_key=("code",))
PANELISTS = EventKind("panelists", models.PanelistEvent, tables.PANELISTS, natural_key=("user",))
PINGS = EventKind("pings", models.PingEvent, tables.PINGS, "at", deduplication_key=("user", "at", "lng", "lat"))
STAYS = EventKind(
    "stays", models.StayEvent, tables.STAYS, "start", deduplication_key=("user", "place", "zone", "at", "duration_s")
)
DETECTIONS = EventKind(
    "detections", models.DetectionEvent, tables.DETECTIONS, "at", deduplication_key=("user", "equipment", "at")
)
TOUCHES = EventKind(
    "touches", models.TouchEvent, tables.TOUCHES, "at", deduplication_key=("user", "campaign", "at", "kind")
)
DELIVERIES = EventKind(
    "deliveries", models.DeliveryEvent, tables.DELIVERIES, "day", natural_key=("part", "campaign", "site")
)
VISITS = EventKind("visits", models.VisitEvent, tables.VISITS, "at", deduplication_key=("user", "site", "at", "end"))
PURCHASES = EventKind(
    "purchases",
    models.PurchaseEvent,
    tables.PURCHASES,
    "at",
    deduplication_key=("user", "site", "at", "amount_micro", "order"),
)

KINDS: Mapping[str, EventKind] = {
    kind.name: kind for kind in (AREAS, PANELISTS, PINGS, STAYS, DETECTIONS, TOUCHES, DELIVERIES, VISITS, PURCHASES)
}
"""All kinds by name, in the order in which files should be sent: areas and panelists before the events of users."""


def json_schemas() -> dict[str, Any]:
    """Return the JSON Schema of the events of each kind."""
    return {kind.name: kind.model.model_json_schema() for kind in KINDS.values()}
