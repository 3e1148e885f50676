"""Sites and equipments in the store."""

from okube_api.applications.repository import Application
from okube_api.errors import Impossible
from okube_api.places import RADIUS_M, located
from okube_api.resources import Allowed, Resources
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
        "version": Kind.INTEGER,
        "application": Kind.TEXT,
        "site": Kind.TEXT,
        "key": Kind.TEXT,
        "type": Kind.TEXT,
        "active": Kind.BOOLEAN,
    },
    unique=(("application", "key"),),
    search=("name", "key"),
)

_OF_A_PLACE = ("address", "coordinates", "radius", "indoorIndexes", "outdoorIndexes")
_DEFAULTS: Json = {"active": True, "inProd": True, "hasDraft": False}


class Sites(Resources):
    """The sites of every application."""

    collection = SITES
    kind = "site"
    names = "names"

    async def create(self, application: Application, fields: Json) -> Json:
        """A new site.  Raises Taken, and Impossible for an online site with a place."""
        document = settled({"timezone": application.timezone, **_DEFAULTS}, fields)
        made = self.new(application.id, document)
        await self.insert([made])
        return made

    async def update(self, site: Json, fields: Json, allowed: Allowed | None = None) -> Json:
        """The site with these fields changed, null clearing one.  Raises as `create` and `change` do."""

        async def edit(stored: Json) -> Json:
            return settled(stored, fields)

        return await self.change(site, edit, allowed)


def settled(stored: Json, fields: Json) -> Json:
    """A site with fields changed, and what follows from them: its names, its cells, the place it has or not."""
    site = {name: value for name, value in (stored | fields).items() if value is not None}
    site |= {name: default for name, default in _DEFAULTS.items() if name not in site}
    site["names"] = list(dict.fromkeys([*([site["key"]] if "key" in site else []), *site.get("keys", [])]))
    if site["online"]:
        return _without_place(site, fields)
    return site | _cells(stored, fields, site)


def _without_place(site: Json, fields: Json) -> Json:
    for name in _OF_A_PLACE:
        if fields.get(name) is not None:
            raise Impossible.at("body", f"/{name}", f"An online site has no '{name}'.")
    return {name: value for name, value in site.items() if name not in _OF_A_PLACE}


def _cells(stored: Json, fields: Json, site: Json) -> Json:
    """The radius and cells of an offline site: as given, else computed, anew when it moves or its radius changes."""
    if "coordinates" not in site:
        return {}
    radius = site.get("radius", RADIUS_M)
    computed = located(site["coordinates"], radius)
    moved = any(stored.get(name) != site.get(name, radius) for name in ("coordinates", "radius"))
    kept = {name: site[name] for name in computed if name in site and (fields.get(name) is not None or not moved)}
    return {"radius": radius} | computed | kept
