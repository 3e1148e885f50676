"""Stores sites."""

from collections.abc import Mapping
from typing import ClassVar

from anyio import to_thread

from okube_api.errors import Impossible
from okube_api.geo.place_cells import CellLocator
from okube_api.kit.application import Application
from okube_api.kit.resource_changes import ChangeKind, WatchedFields
from okube_api.kit.schemas import OpenObject, list_unknown_names
from okube_api.kit.validated_repository import Normalize, Updates, ValidatedRepository, drop_nulls, join_names
from okube_api.sites.schemas import Address, Contact, Modules, Openings
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
        # the names in `attributes` and the undeclared names in the other objects, one per line
        "attributeNames": ColumnType.TEXT,
        "addressNames": ColumnType.TEXT,
        "contactNames": ColumnType.TEXT,
        "moduleNames": ColumnType.TEXT,
        "openingNames": ColumnType.TEXT,
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
_OPEN_OBJECTS: Mapping[str, type[OpenObject]] = {
    "address": Address,
    "deliveryContact": Contact,
    "modules": Modules,
    "openings": Openings,
}
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
    name_fields: ClassVar[Mapping[str, str]] = {
        "attributes": "attributeNames",
        "address": "addressNames",
        "deliveryContact": "contactNames",
        "modules": "moduleNames",
        "openings": "openingNames",
    }

    async def load_normalizer(self, application: Application, updates: Updates) -> Normalize:
        """Return the normaliser of these sites, with the cells of the offline ones computed."""
        offline = [(stored, fields) for stored, fields in updates if not (stored | fields).get("online")]
        locator = await to_thread.run_sync(CellLocator, offline)

        defaults = {"timezone": application.timezone, **_DEFAULTS}

        def normalize(stored: Json, fields: Json) -> Json:
            return _normalize_site(defaults, stored, fields, locator)

        return normalize


def _normalize_site(defaults: Json, stored: Json, fields: Json, locator: CellLocator) -> Json:
    """Return the site to store, with its names and cells.  Raise Impossible when an online site is given a place.

    A new site without `online` is offline when it has coordinates or an address.
    """
    site = {**defaults, **stored, **fields}
    if site.get("online") is None:
        site["online"] = site.get("coordinates") is None and not site.get("address")
    site |= _clear_place(fields) if site["online"] else locator.locate(stored, fields)
    site |= {name: default for name, default in defaults.items() if site[name] is None}
    site["names"] = list(dict.fromkeys([*filter(None, [site.get("key")]), *(site.get("keys") or ())]))
    site["attributeNames"] = join_names(site.get("attributes"))
    for name, model in _OPEN_OBJECTS.items():
        site[SiteRepository.name_fields[name]] = join_names(list_unknown_names(site.get(name), model))
    return drop_nulls(site)


def _clear_place(fields: Json) -> Json:
    """Return the fields that an online site cannot have, as nulls.  Raise Impossible when one is given."""
    for name in _PLACE_FIELDS:
        if fields.get(name):
            raise Impossible.at("body", f"/{name}", f"An online site cannot have '{name}'.")
    return dict.fromkeys(_PLACE_FIELDS)
