"""Sites and equipments in the store."""

from collections.abc import Mapping
from typing import ClassVar

from anyio import to_thread

from okube_api.errors import Impossible
from okube_api.geo.place_cells import Locator
from okube_api.kit.application import Application
from okube_api.kit.resource_changes import Watched, What
from okube_api.kit.validated_repository import Make, Making, Pairs, kept, shape
from okube_api.store.base import Collection, Json, Kind

SITES = Collection(
    "sites",
    fields={
        "version": Kind.INTEGER,
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
        "attributeNames": Kind.TEXT,  # those in `attributes`, one a line
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


_OF_A_PLACE = ("address", "coordinates", "radius", "indoorIndexes", "outdoorIndexes")
_OBJECTS = ("address", "deliveryContact", "modules", "openings")
_DEFAULTS: Json = {"active": True, "inProd": True, "hasDraft": False}


class Sites(Making):
    """The sites of every application."""

    collection = SITES
    kind = "site"
    names = "names"
    watched: ClassVar[Watched] = {
        What.PLACE: ("indoorIndexes", "outdoorIndexes"),
        What.ZONE: ("timezone",),
        What.CHANNEL: ("online",),
    }
    shapes: ClassVar[Mapping[str, str]] = {"attributes": "attributeNames"}

    async def maker(self, application: Application, many: Pairs) -> Make:
        """The rule for sites, with their cells; online ones have no place, which raises Impossible."""
        locate = await to_thread.run_sync(Locator, [pair for pair in many if not (pair[0] | pair[1]).get("online")])

        def make(stored: Json, fields: Json) -> Json:
            return settled({"timezone": application.timezone, **_DEFAULTS, **stored}, fields, locate)

        return make


def settled(stored: Json, fields: Json, locate: Locator) -> Json:
    """A site with fields changed, and what follows from them: its names, its cells, the place it has or not.

    A new one that does not say so is offline when it has coordinates or an address.
    """
    both = stored | fields
    if both.get("online") is None:
        both["online"] = both.get("coordinates") is None and both.get("address") is None
    site = kept(both | ({} if both["online"] else locate(stored, fields)), objects=_OBJECTS)
    site |= {name: default for name, default in _DEFAULTS.items() if name not in site}
    site["names"] = list(dict.fromkeys([*([site["key"]] if "key" in site else []), *site.get("keys", [])]))
    site |= kept({"attributeNames": shape(site.get("attributes"))})
    return _without_place(site, fields) if site["online"] else site


def _without_place(site: Json, fields: Json) -> Json:
    for name in _OF_A_PLACE:
        if fields.get(name) is not None:
            raise Impossible.at("body", f"/{name}", f"An online site has no '{name}'.")
    return {name: value for name, value in site.items() if name not in _OF_A_PLACE}
