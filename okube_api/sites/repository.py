"""Stores sites."""

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
        "names": ColumnType.TEXTS,  # the key and the alternative keys together, unique as one set
        "name": ColumnType.TEXT,
        "active": ColumnType.BOOLEAN,
        "online": ColumnType.BOOLEAN,
        "inProd": ColumnType.BOOLEAN,
        "hasDraft": ColumnType.BOOLEAN,
        "tags": ColumnType.TEXTS,
        "attributeNames": ColumnType.TEXT,  # the names in `attributes`, one per line
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

_PLACE_FIELDS = ("address", "coordinates", "radius", "indoorIndexes", "outdoorIndexes")
_OBJECTS = ("address", "deliveryContact", "modules", "openings")
_DEFAULTS: Json = {"active": True, "inProd": True, "hasDraft": False}


class SiteRepository(ValidatedRepository):
    """Stores the sites of all applications."""

    collection = SITES
    kind = "site"
    key_field = "names"
    watched_fields: ClassVar[WatchedFields] = {
        ChangeKind.CELLS: ("indoorIndexes", "outdoorIndexes"),
        ChangeKind.TIMEZONE: ("timezone",),
        ChangeKind.CHANNEL: ("online",),
    }
    name_fields: ClassVar[Mapping[str, str]] = {"attributes": "attributeNames"}

    async def load_normalizer(self, application: Application, updates: Updates) -> Normalize:
        """Return the normaliser of these sites, with the cells of the offline ones computed."""
        offline = [(stored, fields) for stored, fields in updates if not (stored | fields).get("online")]
        locator = await to_thread.run_sync(CellLocator, offline)

        def normalize(stored: Json, fields: Json) -> Json:
            return _normalize_site({"timezone": application.timezone, **_DEFAULTS, **stored}, fields, locator)

        return normalize


def _normalize_site(stored: Json, fields: Json, locator: CellLocator) -> Json:
    """Return the site to store, with its names and cells.  Raise Impossible when an online site is given a place.

    A new site without `online` is offline when it has coordinates or an address.
    """
    site = stored | fields
    if site.get("online") is None:
        site["online"] = site.get("coordinates") is None and site.get("address") is None
    site = drop_nulls(site | ({} if site["online"] else locator.locate(stored, fields)), objects=_OBJECTS)
    site |= {name: default for name, default in _DEFAULTS.items() if name not in site}
    site["names"] = list(dict.fromkeys([*([site["key"]] if "key" in site else []), *site.get("keys", [])]))
    site |= drop_nulls({"attributeNames": join_names(site.get("attributes"))})
    return _drop_place(site, fields) if site["online"] else site


def _drop_place(site: Json, fields: Json) -> Json:
    for name in _PLACE_FIELDS:
        if fields.get(name) is not None:
            raise Impossible.at("body", f"/{name}", f"An online site cannot have '{name}'.")
    return {name: value for name, value in site.items() if name not in _PLACE_FIELDS}
