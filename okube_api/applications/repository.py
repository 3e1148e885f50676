"""Applications in the store."""

from collections.abc import Sequence

from okube_api.applications.schemas import merged
from okube_api.clock import Clock
from okube_api.errors import NotFound
from okube_api.kit.repository import Allowed, Resources
from okube_api.kit.resource_changes import Change, Changes, What
from okube_api.store.base import EVERYTHING, Collection, Condition, Json, Kind, OneOf, Store

APPLICATIONS = Collection(
    "applications",
    fields={"version": Kind.INTEGER, "key": Kind.TEXT, "name": Kind.TEXT, "active": Kind.BOOLEAN},
    unique=(("key",),),
    search=("key", "name"),
)

DEFAULTS: Json = {"timezone": "Europe/Paris", "currency": "EUR", "active": True, "settings": {}}


class Applications(Resources):
    """Every application."""

    collection = APPLICATIONS
    kind = "application"

    def __init__(self, store: Store, clock: Clock, changes: Changes) -> None:
        super().__init__(store, clock)
        self._changes = changes

    async def find(self, id_or_key: str) -> Json:
        """The application with this id or key.  Raises NotFound."""
        for condition in self._named(id_or_key):
            if document := await self.store.get(self.collection, condition):
                return document
        raise NotFound(self.kind, id_or_key)

    async def all(self, ids: Sequence[str] | None) -> list[Json]:
        """Those with these ids, or every one, by `_id`."""
        return await self.store.find(self.collection, within(ids))

    async def create(self, fields: Json) -> Json:
        """A new application.  Raises Taken."""
        defaults = {"name": fields["key"], **DEFAULTS}
        document = self.new("", defaults | fields)
        del document["application"]
        await self.insert([document])
        return document

    async def update(self, document: Json, fields: Json, allowed: Allowed | None = None) -> Json:
        """The application with these fields changed, its settings merged.  Raises Taken and PreconditionFailed."""

        async def edit(stored: Json) -> Json:
            return stored | fields | {"settings": merged(stored["settings"], fields.get("settings", {}))}

        async with self._changes.around(document["_id"], _told(document, await edit(document))):
            return await self.change(document, edit, allowed)


def _told(before: Json, after: Json) -> list[Change]:
    """What facts depend on, of what changes in an application."""
    told = {"timezone": What.ZONE, "settings": What.SETTINGS}
    return [
        Change(APPLICATIONS.name, (before["_id"],), what) for name, what in told.items() if before[name] != after[name]
    ]


def within(ids: Sequence[str] | None) -> Condition:
    """The applications with these ids; None is all of them."""
    return EVERYTHING if ids is None else OneOf("_id", tuple(ids))
