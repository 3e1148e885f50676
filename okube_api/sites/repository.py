"""Stores sites."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from anyio import to_thread

from okube_api.clock import Clock
from okube_api.errors import Impossible
from okube_api.geo.constants import SITE_RADIUS_M
from okube_api.geo.place_locator import CELLS_GIVEN, PlaceLocator
from okube_api.kit.application import Application
from okube_api.kit.place_parents import ResolveParent, load_parents
from okube_api.kit.repository import Repository
from okube_api.kit.resource_changes import ChangeKind, ChangePublisher, WatchedFields
from okube_api.kit.schemas import OpenObject, list_unknown_names
from okube_api.kit.validated_repository import Normalize, Updates, ValidatedRepository, drop_nulls, join_names
from okube_api.sites.schemas import Address, Contact, Modules, Openings
from okube_api.store.protocol import Store
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
        "parent": ColumnType.TEXT,
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
    has_revision=True,
)

_PLACE_FIELDS = ("address", "coordinates", "radius", "geometry", "parent", "indoorIndexes", "outdoorIndexes")
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
        ChangeKind.CELLS: ("coordinates", "radius", "geometry", "parent", "indoorIndexes", "outdoorIndexes"),
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

    def __init__(
        self, store: Store, clock: Clock, changes: ChangePublisher, other_places: Sequence[type[Repository]] = ()
    ) -> None:
        """Set up the repository; other_places: the repositories of other places that can be the parent of a site."""
        super().__init__(store, clock, changes)
        self._places: Sequence[type[Repository]] = (SiteRepository, *other_places)

    async def load_normalizer(self, application: Application, updates: Updates) -> Normalize:
        """Return the normaliser of these sites, with their parents, and the cells of the offline ones computed."""
        resolve_parent = await load_parents(self.store, self._places, application.id, updates)
        offline = [(stored, fields) for stored, fields in updates if not (stored | fields).get("online")]
        locator = await to_thread.run_sync(PlaceLocator, offline, SITE_RADIUS_M)

        defaults = {"timezone": application.timezone, **_DEFAULTS}

        def normalize(stored: Json, fields: Json) -> Json:
            return _normalize_site(defaults, stored, fields, resolve_parent, locator)

        return normalize


def _normalize_site(
    defaults: Json, stored: Json, fields: Json, resolve_parent: ResolveParent, locator: PlaceLocator
) -> Json:
    """Return the site to store, with its names and cells.

    A new site without `online` is offline when it has coordinates, a geometry or an address.
    Raise UnknownReference, and Impossible, also when an online site is given a place.
    """
    fields = fields | resolve_parent(stored, fields)
    site = {**defaults, **stored, **fields}
    if site.get("online") is None:
        site["online"] = not any(site.get(name) for name in ("coordinates", "geometry", "address"))
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
    return dict.fromkeys((*_PLACE_FIELDS, CELLS_GIVEN))
