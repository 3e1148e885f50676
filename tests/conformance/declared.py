"""What the stores under test are asked to hold: one field, one column of every kind."""

from okube_api.store.base import Collection, Column, Kind, Schema, Table

THINGS = Collection(
    "things",
    fields={
        "application": Kind.TEXT,
        "version": Kind.INTEGER,
        "key": Kind.TEXT,
        "names": Kind.TEXTS,
        "address.city": Kind.TEXT,
        "count": Kind.INTEGER,
        "counts": Kind.INTEGERS,
        "ratio": Kind.NUMBER,
        "active": Kind.BOOLEAN,
    },
    unique=(("application", "key"), ("application", "names")),
    search=("key", "names", "address.city"),
)

PLAIN = Collection("plain", fields={"at": Kind.TEXT})
"""Neither unique fields nor search."""

STAYS = Table(
    "stays",
    (
        Column("place", Kind.TEXT),
        Column("campaigns", Kind.TEXTS),
        Column("counts", Kind.INTEGERS),
        Column("dwell_s", Kind.INTEGER),
        Column("weight", Kind.INTEGER),
        Column("ratio", Kind.NUMBER),
        Column("active", Kind.BOOLEAN),
        Column("users", Kind.BYTES),
    ),
    index=("place",),
)
MONTHS = Table("months", (Column("place", Kind.TEXT), Column("dwell_s", Kind.INTEGER)))
EVENTS = Table("events", (Column("user", Kind.INTEGER), Column("label", Kind.TEXT)), packed=True)

SCHEMA = Schema((THINGS, PLAIN), (STAYS, MONTHS, EVENTS))
