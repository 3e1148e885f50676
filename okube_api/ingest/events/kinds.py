"""The kinds of events: the table that keeps each, and the columns that tell two events apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from okube_api.ingest.events import tables
from okube_api.store.base import Table


@dataclass(frozen=True, slots=True)
class Kind:
    """How events of one kind are kept.

    at: the field that says when; None for references without a day.  key: the columns of a natural key: of events
    with the same one the latest counts.  content: the columns that make two events without an `id` the same.
    """

    name: str
    table: Table
    at: str | None = None
    key: Sequence[str] = ()
    content: Sequence[str] = ()


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("areas", tables.AREAS, key=("code",)),
        Kind("panelists", tables.PANELISTS, key=("user",)),
        Kind("pings", tables.PINGS, "at", content=("user", "at", "lng", "lat")),
        Kind("stays", tables.STAYS, "start", content=("user", "place", "zone", "at", "duration_s")),
        Kind("detections", tables.DETECTIONS, "at", content=("user", "equipment", "at")),
        Kind("touches", tables.TOUCHES, "at", content=("user", "campaign", "at", "kind")),
        Kind("deliveries", tables.DELIVERIES, "day", key=("part", "campaign", "site")),
        Kind("visits", tables.VISITS, "at", content=("user", "site", "at", "end")),
        Kind("purchases", tables.PURCHASES, "at", content=("user", "site", "at", "amount_micro", "order")),
    )
}
