"""Campaigns and their levers in the store."""

from okube_api.store.base import Collection, Kind

CAMPAIGNS = Collection(
    "campaigns",
    fields={
        "version": Kind.INTEGER,
        "application": Kind.TEXT,
        "key": Kind.TEXT,
        "lever": Kind.TEXT,
        "_cachedLeverTrigger": Kind.BOOLEAN,
        "from": Kind.TEXT,
        "to": Kind.TEXT,
        "computedFrom": Kind.TEXT,
        "computedTo": Kind.TEXT,
        "global": Kind.BOOLEAN,  # whether it names no site
        "sites": Kind.TEXTS,
        "tags": Kind.TEXTS,
        "provider": Kind.TEXT,
        "agency": Kind.TEXT,
        "format": Kind.TEXT,
        "extraTerms": Kind.TEXTS,  # of each extra, `name` and `name:value`
    },
    unique=(("application", "key"),),
    search=("name", "key", "_cachedLeverName", "tags", "provider", "agency", "format"),
)

LEVERS = Collection(
    "levers",
    fields={
        "version": Kind.INTEGER,
        "application": Kind.TEXT,
        "key": Kind.TEXT,
        "trigger": Kind.BOOLEAN,
        "position": Kind.INTEGER,
    },
    unique=(("application", "key"),),
    search=("name", "key"),
)
