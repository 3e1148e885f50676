"""Sites and equipments in the store."""

from okube_api.store.base import Collection, Kind

SITES = Collection(
    "sites",
    fields={
        "application": Kind.TEXT,
        "key": Kind.TEXT,
        "keys": Kind.TEXTS,
        "names": Kind.TEXTS,  # the key and the alternative keys, which share one space
        "name": Kind.TEXT,
        "active": Kind.BOOLEAN,
        "online": Kind.BOOLEAN,
        "inProd": Kind.BOOLEAN,
        "hasDraft": Kind.BOOLEAN,
        "tags": Kind.TEXTS,
    },
    unique=(("application", "names"),),
    search=(
        "name",
        "key",
        "address.streetNumber",
        "address.street",
        "address.postalCode",
        "address.city",
        "address.country",
    ),
)

EQUIPMENTS = Collection(
    "equipments",
    fields={
        "application": Kind.TEXT,
        "site": Kind.TEXT,
        "key": Kind.TEXT,
        "type": Kind.TEXT,
        "active": Kind.BOOLEAN,
    },
    unique=(("application", "key"),),
    search=("name", "key"),
)
