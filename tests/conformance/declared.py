"""What the stores under test are asked to hold: one field, one column of every kind."""

from okube_api.store.schema import Collection, Column, ColumnType, Schema, Table

THINGS = Collection(
    "things",
    fields={
        "application": ColumnType.TEXT,
        "version": ColumnType.INTEGER,
        "key": ColumnType.TEXT,
        "names": ColumnType.TEXTS,
        "address.city": ColumnType.TEXT,
        "count": ColumnType.INTEGER,
        "counts": ColumnType.INTEGERS,
        "ratio": ColumnType.NUMBER,
        "active": ColumnType.BOOLEAN,
    },
    unique=(("application", "key"), ("application", "names")),
    search=("key", "names", "address.city"),
)

PLAIN = Collection("plain", fields={"at": ColumnType.TEXT})
"""Neither unique fields nor search."""

STAYS = Table(
    "stays",
    (
        Column("place", ColumnType.TEXT),
        Column("campaigns", ColumnType.TEXTS),
        Column("counts", ColumnType.INTEGERS),
        Column("dwell_s", ColumnType.INTEGER),
        Column("weight", ColumnType.INTEGER),
        Column("ratio", ColumnType.NUMBER),
        Column("active", ColumnType.BOOLEAN),
        Column("users", ColumnType.BYTES),
    ),
    index=("place",),
)
MONTHS = Table("months", (Column("place", ColumnType.TEXT), Column("dwell_s", ColumnType.INTEGER)))
EVENTS = Table("events", (Column("user", ColumnType.INTEGER), Column("label", ColumnType.TEXT)), packed=True)

SCHEMA = Schema((THINGS, PLAIN), (STAYS, MONTHS, EVENTS))
