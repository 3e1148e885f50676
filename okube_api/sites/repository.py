"""Sites and equipments in the store."""

from collections.abc import Mapping
from typing import ClassVar

from anyio import to_thread

from okube_api.errors import Impossible
from okube_api.geo.place_cells import CellLocator
from okube_api.kit.application import Application
from okube_api.kit.resource_changes import ChangeKind, WatchedFields
from okube_api.kit.validated_repository import Normalize, Updates, ValidatedRepository, drop_nulls, join_names
from okube_api.store.schema import Collection, ColumnType
from okube_api.store.values import Json

SITES = Collection(
    "sites",
    fields={
        "version": ColumnType.INTEGER,
        "application": ColumnType.TEXT,
        "key": ColumnType.TEXT,
        "keys": ColumnType.TEXTS,
        "names": ColumnType.TEXTS,  # the key and the alternative keys, which share one space
        "name": ColumnType.TEXT,
        "active": ColumnType.BOOLEAN,
        "online": ColumnType.BOOLEAN,
        "inProd": ColumnType.BOOLEAN,
        "hasDraft": ColumnType.BOOLEAN,
        "tags": ColumnType.TEXTS,
        "attributeNames": ColumnType.TEXT,  # those in `attributes`, one a line
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


class SiteRepository(ValidatedRepository):
    """The sites of every application."""

    collection = SITES
    kind = "site"
    key_field = "names"
    watched_fields: ClassVar[WatchedFields] = {
        ChangeKind.PLACE: ("indoorIndexes", "outdoorIndexes"),
        ChangeKind.ZONE: ("timezone",),
        ChangeKind.CHANNEL: ("online",),
    }
    name_fields: ClassVar[Mapping[str, str]] = {"attributes": "attributeNames"}

    async def load_normalizer(self, application: Application, many: Updates) -> Normalize:
        """The rule for sites, with their cells; online ones have no place, which raises Impossible."""
        locate = await to_thread.run_sync(CellLocator, [pair for pair in many if not (pair[0] | pair[1]).get("online")])

        def make(stored: Json, fields: Json) -> Json:
            return normalize_site({"timezone": application.timezone, **_DEFAULTS, **stored}, fields, locate)

        return make


def normalize_site(stored: Json, fields: Json, locate: CellLocator) -> Json:
    """A site with fields changed, and what follows from them: its names, its cells, the place it has or not.

    A new one that does not say so is offline when it has coordinates or an address.
    """
    both = stored | fields
    if both.get("online") is None:
        both["online"] = both.get("coordinates") is None and both.get("address") is None
    site = drop_nulls(both | ({} if both["online"] else locate(stored, fields)), objects=_OBJECTS)
    site |= {name: default for name, default in _DEFAULTS.items() if name not in site}
    site["names"] = list(dict.fromkeys([*([site["key"]] if "key" in site else []), *site.get("keys", [])]))
    site |= drop_nulls({"attributeNames": join_names(site.get("attributes"))})
    return _without_place(site, fields) if site["online"] else site


def _without_place(site: Json, fields: Json) -> Json:
    for name in _OF_A_PLACE:
        if fields.get(name) is not None:
            raise Impossible.at("body", f"/{name}", f"An online site has no '{name}'.")
    return {name: value for name, value in site.items() if name not in _OF_A_PLACE}
