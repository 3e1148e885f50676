"""Applications in the store."""

from okube_api.store.base import Collection, Kind

APPLICATIONS = Collection(
    "applications",
    fields={"key": Kind.TEXT, "name": Kind.TEXT, "active": Kind.BOOLEAN},
    unique=(("key",),),
    search=("key", "name"),
)
