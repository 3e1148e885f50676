"""Schema of the stores under test: fields and columns of every type."""

from okube_api.store.schema import Collection, Column, ColumnType, Schema, Table

DOCUMENTS = Collection(
    "documents",
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
    has_revision=True,
)

UNINDEXED = Collection("unindexed", fields={"at": ColumnType.TEXT}, has_revision=True)
"""Has neither unique fields nor a search text."""

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
    lookup="dwell_s",
)
MONTHS = Table("months", (Column("place", ColumnType.TEXT), Column("dwell_s", ColumnType.INTEGER)))
EVENTS = Table(
    "events", (Column("user", ColumnType.INTEGER), Column("label", ColumnType.TEXT)), packed=True, lookup="user"
)

AMOUNTS = Table(
    "amounts",
    (
        Column("place", ColumnType.TEXT),
        Column("number", ColumnType.INTEGER),
        Column("weight", ColumnType.INTEGER),
        Column("wide", ColumnType.WIDE_INTEGER),
    ),
)

SCHEMA = Schema((DOCUMENTS, UNINDEXED), (STAYS, MONTHS, EVENTS, AMOUNTS))
