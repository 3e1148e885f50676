"""Studies in the store."""

from okube_api.resources import Resources
from okube_api.store.base import Collection, Kind

STUDIES = Collection(
    "studies",
    fields={
        "version": Kind.INTEGER,
        "application": Kind.TEXT,
        "key": Kind.TEXT,
        "from": Kind.TEXT,
        "to": Kind.TEXT,
        "global": Kind.BOOLEAN,  # whether it names no site
        "sites": Kind.TEXTS,
        "pois": Kind.TEXTS,
        "tags": Kind.TEXTS,
    },
    unique=(("application", "key"),),
    search=("name", "key", "tags"),
)


class Studies(Resources):
    """The studies of every application."""

    collection = STUDIES
    kind = "study"
