"""Events as they are kept: one packed table a kind, by batch; `part` is the UTC day of the event.

References without a day have part 0, deliveries the day that they name.  Users and devices are numbers, places,
campaigns and equipments `_id`s, instants ms since 1970.  `id_high` and `id_low` hash the event's own `id`, null
without one.
"""

from okube_api.store.base import Column, Kind, Table

UNDATED_PART = 0
"""The one part of a table that has no days."""

_LINE = Column("line", Kind.INTEGER)  # in its file: of a key that stands twice there, the last counts
OWN_ID = (Column("id_high", Kind.INTEGER), Column("id_low", Kind.INTEGER))


def _events(name: str, *columns: Column) -> Table:
    return Table(f"events_{name}", columns, packed=True)


AREAS = _events(
    "areas",
    Column("code", Kind.TEXT),
    Column("name", Kind.TEXT),
    Column("lng", Kind.NUMBER),
    Column("lat", Kind.NUMBER),
    _LINE,
)
PANELISTS = _events(
    "panelists",
    Column("user", Kind.INTEGER),
    Column("weight", Kind.INTEGER),  # thousandths
    Column("home", Kind.TEXT),
    Column("work", Kind.TEXT),
    Column("os", Kind.TEXT),
    Column("manufacturer", Kind.TEXT),
    Column("model", Kind.TEXT),
    _LINE,
)
PINGS = _events(
    "pings",
    Column("user", Kind.INTEGER),
    Column("at", Kind.INTEGER),
    Column("lng", Kind.NUMBER),
    Column("lat", Kind.NUMBER),
    *OWN_ID,
)
STAYS = _events(
    "stays",
    Column("user", Kind.INTEGER),
    Column("place", Kind.TEXT),
    Column("at", Kind.INTEGER),
    Column("duration_s", Kind.INTEGER),
    Column("zone", Kind.TEXT),
    *OWN_ID,
)
DETECTIONS = _events(
    "detections",
    Column("user", Kind.INTEGER),  # the device's number
    Column("equipment", Kind.TEXT),
    Column("at", Kind.INTEGER),
    *OWN_ID,
)
TOUCHES = _events(
    "touches",
    Column("user", Kind.INTEGER),
    Column("campaign", Kind.TEXT),
    Column("at", Kind.INTEGER),
    Column("kind", Kind.TEXT),
    *OWN_ID,
)
DELIVERIES = _events(
    "deliveries",
    Column("campaign", Kind.TEXT),
    Column("site", Kind.TEXT),
    Column("prints", Kind.INTEGER),
    Column("clicks", Kind.INTEGER),
    Column("openings", Kind.INTEGER),
    _LINE,
)
VISITS = _events(
    "visits",
    Column("user", Kind.INTEGER),
    Column("site", Kind.TEXT),
    Column("at", Kind.INTEGER),
    Column("end", Kind.INTEGER),
    *OWN_ID,
)
PURCHASES = _events(
    "purchases",
    Column("user", Kind.INTEGER),
    Column("site", Kind.TEXT),
    Column("at", Kind.INTEGER),
    Column("amount_micro", Kind.INTEGER),  # millionths of the application's currency
    Column("order", Kind.INTEGER),  # a hash of it: what tells two tickets of one moment apart
    *OWN_ID,
)
LEDGER = Table(
    "events_ledger",  # one part: the batches whose facts are visible; a batch that is not in it counts nowhere
    (Column("number", Kind.INTEGER), Column("kind", Kind.TEXT)),
    packed=True,
)

EVENT_TABLES = (AREAS, PANELISTS, PINGS, STAYS, DETECTIONS, TOUCHES, DELIVERIES, VISITS, PURCHASES)
TABLES = (*EVENT_TABLES, LEDGER)
