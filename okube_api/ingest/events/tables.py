"""Raw tables: the stored events, one packed table per kind.  The partition (`part`) is the UTC day of the event.

Kinds without a date have part 0; the part of a delivery is the local day that it names.  Users and devices are stored
as numbers; places, campaigns and equipments as `_id`s; instants as ms since 1970.  `id_high` and `id_low` are the two
halves of a hash of the event's `id`; null when it has none.
"""

from okube_api.store.schema import Column, ColumnType, Table

UNDATED_PART = 0
"""The only part of a table whose events have no date."""

_LINE = Column("line", ColumnType.INTEGER)  # number in the file: of the lines with the same key, the last one counts
OWN_ID = (Column("id_high", ColumnType.INTEGER), Column("id_low", ColumnType.INTEGER))


def _events(name: str, *columns: Column) -> Table:
    has_users = any(column.name == "user" for column in columns)
    return Table(f"events_{name}", columns, packed=True, lookup="user" if has_users else None)


AREAS = _events(
    "areas",
    Column("code", ColumnType.TEXT),
    Column("name", ColumnType.TEXT),
    Column("lng", ColumnType.NUMBER),
    Column("lat", ColumnType.NUMBER),
    _LINE,
    Column("geometry", ColumnType.TEXT),  # WKT or GeoJSON; null for none, and in rows that are older than the column
)
PANELISTS = _events(
    "panelists",
    Column("user", ColumnType.INTEGER),
    Column("weight", ColumnType.INTEGER),  # thousandths
    Column("home", ColumnType.TEXT),
    Column("work", ColumnType.TEXT),
    Column("os", ColumnType.TEXT),
    Column("manufacturer", ColumnType.TEXT),
    Column("model", ColumnType.TEXT),
    _LINE,
)
PINGS = _events(
    "pings",
    Column("user", ColumnType.INTEGER),
    Column("at", ColumnType.INTEGER),
    Column("lng", ColumnType.NUMBER),
    Column("lat", ColumnType.NUMBER),
    *OWN_ID,
    Column("accuracy", ColumnType.NUMBER),  # metres, 68 %; null if unknown, and in rows that are older than the column
    Column("speed", ColumnType.NUMBER),  # metres per second; null likewise
)
STAYS = _events(
    "stays",
    Column("user", ColumnType.INTEGER),
    Column("place", ColumnType.TEXT),
    Column("at", ColumnType.INTEGER),
    Column("duration_s", ColumnType.INTEGER),
    Column("zone", ColumnType.TEXT),
    *OWN_ID,
)
DETECTIONS = _events(
    "detections",
    Column("user", ColumnType.INTEGER),  # the device's number
    Column("equipment", ColumnType.TEXT),
    Column("at", ColumnType.INTEGER),
    *OWN_ID,
)
TOUCHES = _events(
    "touches",
    Column("user", ColumnType.INTEGER),
    Column("campaign", ColumnType.TEXT),
    Column("at", ColumnType.INTEGER),
    Column("kind", ColumnType.TEXT),
    *OWN_ID,
)
DELIVERIES = _events(
    "deliveries",
    Column("campaign", ColumnType.TEXT),
    Column("site", ColumnType.TEXT),
    Column("prints", ColumnType.INTEGER),
    Column("clicks", ColumnType.INTEGER),
    Column("openings", ColumnType.INTEGER),
    _LINE,
)
VISITS = _events(
    "visits",
    Column("user", ColumnType.INTEGER),
    Column("site", ColumnType.TEXT),
    Column("at", ColumnType.INTEGER),
    Column("end", ColumnType.INTEGER),
    *OWN_ID,
)
PURCHASES = _events(
    "purchases",
    Column("user", ColumnType.INTEGER),
    Column("site", ColumnType.TEXT),
    Column("at", ColumnType.INTEGER),
    Column("amount_micro", ColumnType.INTEGER),  # millionths of the application's currency
    Column("order", ColumnType.INTEGER),  # the lower half of a hash of the order's text
    *OWN_ID,
)
LEDGER = Table(
    "events_ledger",  # the batches that count, whose facts are written; all in one part
    (Column("number", ColumnType.INTEGER), Column("kind", ColumnType.TEXT)),
    packed=True,
)

TABLES = (AREAS, PANELISTS, PINGS, STAYS, DETECTIONS, TOUCHES, DELIVERIES, VISITS, PURCHASES, LEDGER)
