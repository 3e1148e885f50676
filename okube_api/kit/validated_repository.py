"""Base of the repositories whose documents are validated and normalised before they are stored."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import ClassVar

from okube_api.clock import Clock
from okube_api.kit.application import Application
from okube_api.kit.repository import Precondition, Repository, require_all
from okube_api.kit.resource_changes import ChangePublisher, WatchedFields, detect_changes
from okube_api.store.protocol import Store
from okube_api.store.values import Json

Updates = Sequence[tuple[Json, Json]]
"""Stored documents (empty for new ones), each with the fields to change in it."""

Normalize = Callable[[Json, Json], Json]
"""Returns the document to store for a stored one (empty for a new one) and the fields to change; null clears a field.

Raises refusals whose pointers start at the fields.
"""


class ValidatedRepository(Repository):
    """Stores documents as `load_normalizer` returns them, and publishes changes of the `watched_fields`."""

    watched_fields: ClassVar[WatchedFields] = {}

    def __init__(self, store: Store, clock: Clock, changes: ChangePublisher) -> None:
        super().__init__(store, clock)
        self.changes = changes

    async def load_normalizer(self, application: Application, updates: Updates) -> Normalize:
        """Return the function that normalises these updates, after reading all resources that they refer to."""
        raise NotImplementedError

    async def create(self, application: Application, fields: Json) -> Json:
        """Insert a new resource and return it.  Raise Taken, UnknownReference and Impossible."""
        if (created := await self.find_created()) is not None:
            return created
        fields = clear_empty_lists(fields)
        normalize = await self.load_normalizer(application, [({}, fields)])
        document = self.build_document(application.id, normalize({}, fields))
        changes = detect_changes(self.collection.name, self.watched_fields, [({}, document)])
        async with self.changes.publish_around(application.id, changes):
            await self.insert([document])
        return document

    async def update(
        self, application: Application, document: Json, fields: Json, precondition: Precondition | None = None
    ) -> Json:
        """Change these fields of a resource and return it.  Raise as `create` and `change` do."""
        normalize = await self.load_normalizer(application, [(document, fields)])

        async def edit(stored: Json) -> Json:
            return normalize(stored, fields)

        def publish_around(before: Json, after: Json) -> AbstractAsyncContextManager[None]:
            changes = detect_changes(self.collection.name, self.watched_fields, [(before, after)])
            return self.changes.publish_around(application.id, changes)

        return await self.change(document, edit, precondition, publish_around)


ResolveIds = Callable[[Sequence[str], str], list[str]]
"""Returns the ids of resources named by id or key, in order, each once; the second argument is the names' pointer.

Raises UnknownReference.
"""


async def load_ids(repository: Repository, application: str, updates: Updates, field: str) -> ResolveIds:
    """Look up all resources that `field` names in these updates, in one read; return a function that resolves them."""
    all_names = [name for _, fields in updates for name in fields.get(field) or ()]
    ids_by_name = await repository.find_ids_by_name(application, all_names) if all_names else {}

    def resolve(names: Sequence[str], pointer: str) -> list[str]:
        return list(dict.fromkeys(require_all(repository.kind, ids_by_name, names, pointer)))

    return resolve


def clear_empty_lists(fields: Json) -> Json:
    """Return fields with null in place of empty lists: both clear a field."""
    return {name: None if value == [] else value for name, value in fields.items()}


def drop_nulls(document: Json) -> Json:
    """Return a document without null fields and without empty objects."""
    return {name: value for name, value in document.items() if value is not None and value != {}}


def join_names(fields: Iterable[str] | None) -> str | None:
    """Return the names in an object, sorted, one per line; None when there are none."""
    return "\n".join(sorted(fields)) if fields else None
