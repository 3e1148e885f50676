"""Stores applications."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

from okube_api.applications.deletions import DELETIONS
from okube_api.applications.schemas import change_settings
from okube_api.clock import Clock
from okube_api.errors import NotFound, RequestConflict
from okube_api.kit.application import NEW_STAYS, Application
from okube_api.kit.repository import Precondition, Repository
from okube_api.kit.resource_changes import ChangeKind, ChangePublisher, WatchedFields, detect_changes
from okube_api.kit.revision_cache import RevisionCache
from okube_api.store.conditions import EVERYTHING, Condition, OneOf, equal
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
    has_revision=True,
)

_MOST_LOADED = 1000  # names of applications
_WATCHED_FIELDS: WatchedFields = {ChangeKind.TIMEZONE: ("timezone",), ChangeKind.SETTINGS: ("settings",)}

_SETTINGS_OF_QUESTIONS = frozenset({"calendar", "country"})

DEFAULTS: Json = {"timezone": "Europe/Paris", "currency": "EUR", "active": True}
NEW_SETTINGS: Json = {"stays": NEW_STAYS.model_dump(by_alias=True, mode="json")}
"""Settings that differ from the defaults, which older applications have."""


class ApplicationRepository(Repository):
    """Stores all applications."""

    collection = APPLICATIONS
    kind = "application"

    def __init__(self, store: Store, clock: Clock, changes: ChangePublisher) -> None:
        super().__init__(store, clock)
        self._changes = changes
        self._loaded = RevisionCache[Application](store, self.collection, most=_MOST_LOADED)
        self._deleted = RevisionCache[tuple[str, ...]](store, DELETIONS, most=1)

    async def load(self, id_or_key: str) -> Application:
        """Return the application with this id or key, from memory until an application is written.  Raise NotFound.

        Nearly every request needs it, and its settings take longer to validate than the rest of a small request.
        """

        async def read() -> Application:
            return Application.from_document(await self.get_by_name(id_or_key))

        return await self._loaded.load(id_or_key, read)

    async def get_by_name(self, id_or_key: str) -> Json:
        """Return the application with this id or key.  Raise NotFound."""
        for condition in self._conditions_for(id_or_key):
            if document := await self.store.get(self.collection, condition):
                return document
        raise NotFound(self.kind, id_or_key)

    async def find_all(self, ids: Sequence[str] | None) -> list[Json]:
        """Return the applications with these ids, or all of them, sorted by `_id`."""
        return await self.store.find(self.collection, match_ids(ids))

    async def match_not_deleted(self) -> Condition:
        """Return the condition that a document does not belong to an application that is being removed."""

        async def read() -> tuple[str, ...]:
            return tuple(record["_id"] for record in await self.store.find(DELETIONS, EVERYTHING, fields=()))

        deleted = await self._deleted.load("ids", read)
        return ~OneOf("application", deleted) if deleted else EVERYTHING

    async def create(self, fields: Json) -> Json:
        """Insert a new application and return it.  Raise Taken.

        Raise RequestConflict when an earlier attempt of the same request has created one that was deleted since.
        """
        if (created := await self.find_created()) is not None:
            return created
        defaults = {"name": fields["key"], **DEFAULTS}
        settings = change_settings(NEW_SETTINGS, fields.get("settings", {}))
        document = self.build_document("", {**defaults, **fields, "settings": settings})
        del document["application"]
        if await self.store.get(DELETIONS, equal("_id", document["_id"])) is not None:
            raise RequestConflict("The application of this Idempotency-Key was deleted. Use another key.")
        await self.insert([document])
        return document

    async def update(self, document: Json, fields: Json, precondition: Precondition | None = None) -> Json:
        """Change these fields of an application and return it; settings are merged.

        Raise Taken and PreconditionFailed.
        """

        async def edit(stored: Json) -> Json:
            return stored | fields | {"settings": change_settings(stored["settings"], fields.get("settings", {}))}

        def publish_around(before: Json, after: Json) -> AbstractAsyncContextManager[None]:
            pair = _without_settings_of_questions(before), _without_settings_of_questions(after)
            changes = detect_changes(self.collection.name, _WATCHED_FIELDS, [pair])
            return self._changes.publish_around(document["_id"], changes)

        return await self.change(document, edit, precondition, publish_around)


def _without_settings_of_questions(document: Json) -> Json:
    """Return a document without the settings that only questions depend on, and no facts."""
    settings = {name: value for name, value in document["settings"].items() if name not in _SETTINGS_OF_QUESTIONS}
    return document | {"settings": settings}


def match_ids(ids: Sequence[str] | None) -> Condition:
    """Return the condition that an application has one of these ids; None matches all."""
    return EVERYTHING if ids is None else OneOf("_id", tuple(ids))
