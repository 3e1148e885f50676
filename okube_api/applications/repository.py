"""Applications in the store."""

from collections.abc import Sequence

from okube_api.applications.schemas import merge_settings
from okube_api.clock import Clock
from okube_api.errors import NotFound
from okube_api.kit.repository import Precondition, Repository
from okube_api.kit.resource_changes import ChangeKind, ChangePublisher, ResourceChange
from okube_api.store.conditions import EVERYTHING, Condition, OneOf
from okube_api.store.protocol import Store
from okube_api.store.schema import Collection, ColumnType
from okube_api.store.values import Json

APPLICATIONS = Collection(
    "applications",
    fields={
        "version": ColumnType.INTEGER,
        "key": ColumnType.TEXT,
        "name": ColumnType.TEXT,
        "active": ColumnType.BOOLEAN,
    },
    unique=(("key",),),
    search=("key", "name"),
)

DEFAULTS: Json = {"timezone": "Europe/Paris", "currency": "EUR", "active": True, "settings": {}}


class ApplicationRepository(Repository):
    """Every application."""

    collection = APPLICATIONS
    kind = "application"

    def __init__(self, store: Store, clock: Clock, changes: ChangePublisher) -> None:
        super().__init__(store, clock)
        self._changes = changes

    async def get_by_name(self, id_or_key: str) -> Json:
        """The application with this id or key.  Raises NotFound."""
        for condition in self._conditions_for(id_or_key):
            if document := await self.store.get(self.collection, condition):
                return document
        raise NotFound(self.kind, id_or_key)

    async def find_all(self, ids: Sequence[str] | None) -> list[Json]:
        """Those with these ids, or every one, by `_id`."""
        return await self.store.find(self.collection, match_ids(ids))

    async def create(self, fields: Json) -> Json:
        """A new application.  Raises Taken."""
        defaults = {"name": fields["key"], **DEFAULTS}
        document = self.build_document("", defaults | fields)
        del document["application"]
        await self.insert([document])
        return document

    async def update(self, document: Json, fields: Json, precondition: Precondition | None = None) -> Json:
        """The application with these fields changed, its settings merged.  Raises Taken and PreconditionFailed."""

        async def edit(stored: Json) -> Json:
            return stored | fields | {"settings": merge_settings(stored["settings"], fields.get("settings", {}))}

        async with self._changes.publish_around(document["_id"], _detect_changes(document, await edit(document))):
            return await self.change(document, edit, precondition)


def _detect_changes(before: Json, after: Json) -> list[ResourceChange]:
    """What facts depend on, of what changes in an application."""
    told = {"timezone": ChangeKind.ZONE, "settings": ChangeKind.SETTINGS}
    return [
        ResourceChange(APPLICATIONS.name, (before["_id"],), what)
        for name, what in told.items()
        if before[name] != after[name]
    ]


def match_ids(ids: Sequence[str] | None) -> Condition:
    """The applications with these ids; None is all of them."""
    return EVERYTHING if ids is None else OneOf("_id", tuple(ids))
