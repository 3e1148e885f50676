"""Resources whose documents follow from what callers send by rules of their own: one at a time, or thousands."""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from okube_api.clock import Clock
from okube_api.kit.application import Application
from okube_api.kit.repository import Precondition, Repository, require_ids
from okube_api.kit.resource_changes import ChangePublisher, WatchedFields, detect_changes
from okube_api.store.base import Json, Store

Updates = Sequence[tuple[Json, Json]]
"""Stored documents (empty for new ones), each with the fields to be changed of it."""

Normalize = Callable[[Json, Json], Json]
"""The document that a stored one (empty for a new one) and the fields that a caller names make; null clears a field.

Raises refusals whose pointers start at the fields.
"""


class ValidatedRepository(Repository):
    """Resources that are made by `maker`; facts hear of what is `watched`."""

    watched_fields: ClassVar[WatchedFields] = {}
    name_fields: ClassVar[
        Mapping[str, str]
    ] = {}  # of objects of the caller's own making, the field that holds their names

    def __init__(self, store: Store, clock: Clock, changes: ChangePublisher) -> None:
        super().__init__(store, clock)
        self.changes = changes

    async def load_normalizer(self, application: Application, many: Updates) -> Normalize:
        """The rule for these, with everything that they refer to looked up."""
        raise NotImplementedError

    async def create(self, application: Application, fields: Json) -> Json:
        """A new resource.  Raises Taken, UnknownReference and Impossible."""
        make = await self.load_normalizer(application, [({}, fields)])
        document = self.build_document(application.id, make({}, fields))
        async with self.changes.publish_around(
            application.id, detect_changes(self.collection.name, self.watched_fields, [({}, document)])
        ):
            await self.insert([document])
        return document

    async def update(
        self, application: Application, document: Json, fields: Json, precondition: Precondition | None = None
    ) -> Json:
        """The resource with these fields changed.  Raises as `create` and `change` do."""
        make = await self.load_normalizer(application, [(document, fields)])
        told = detect_changes(self.collection.name, self.watched_fields, [(document, make(document, fields))])

        async def edit(stored: Json) -> Json:
            return make(stored, fields)

        async with self.changes.publish_around(application.id, told):
            return await self.change(document, edit, precondition)


ResolveIds = Callable[[Sequence[str], str], list[str]]
"""The ids of what is named by id or key, in order, each once; a pointer says where the names stand.

Raises UnknownReference.
"""


async def load_ids(resources: Repository, application: str, many: Updates, field: str) -> ResolveIds:
    """Looks up all that `field` names in any of these at once."""
    named = [name for _, fields in many for name in fields.get(field) or ()]
    found = await resources.find_ids_by_name(application, named) if named else {}

    def ids(names: Sequence[str], pointer: str) -> list[str]:
        return require_ids(resources.kind, found, names, pointer)

    return ids


def drop_nulls(document: Json, objects: Sequence[str] = ()) -> Json:
    """A document as it is stored: without what is null, also within these objects, and without empty objects."""
    inner = {
        name: {one: value for one, value in document[name].items() if value is not None}
        for name in objects
        if document.get(name) is not None
    }
    return {name: value for name, value in (document | inner).items() if value is not None and value != {}}


def join_names(value: Json | None) -> str | None:
    """The names in an object of the caller's own making, as one text; None for none."""
    return "\n".join(sorted(value)) if value else None
