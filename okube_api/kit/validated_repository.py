"""Resources whose documents follow from what callers send by rules of their own: one at a time, or thousands."""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from okube_api.clock import Clock
from okube_api.kit.application import Application
from okube_api.kit.repository import Allowed, Resources, known_ids
from okube_api.kit.resource_changes import Changes, Watched, between
from okube_api.store.base import Json, Store

Pairs = Sequence[tuple[Json, Json]]
"""Stored documents (empty for new ones), each with the fields to be changed of it."""

Make = Callable[[Json, Json], Json]
"""The document that a stored one (empty for a new one) and the fields that a caller names make; null clears a field.

Raises refusals whose pointers start at the fields.
"""


class Making(Resources):
    """Resources that are made by `maker`; facts hear of what is `watched`."""

    watched: ClassVar[Watched] = {}
    shapes: ClassVar[Mapping[str, str]] = {}  # of objects of the caller's own making, the field that holds their names

    def __init__(self, store: Store, clock: Clock, changes: Changes) -> None:
        super().__init__(store, clock)
        self.changes = changes

    async def maker(self, application: Application, many: Pairs) -> Make:
        """The rule for these, with everything that they refer to looked up."""
        raise NotImplementedError

    async def create(self, application: Application, fields: Json) -> Json:
        """A new resource.  Raises Taken, UnknownReference and Impossible."""
        make = await self.maker(application, [({}, fields)])
        document = self.new(application.id, make({}, fields))
        async with self.changes.around(application.id, between(self.collection.name, self.watched, [({}, document)])):
            await self.insert([document])
        return document

    async def update(
        self, application: Application, document: Json, fields: Json, allowed: Allowed | None = None
    ) -> Json:
        """The resource with these fields changed.  Raises as `create` and `change` do."""
        make = await self.maker(application, [(document, fields)])
        told = between(self.collection.name, self.watched, [(document, make(document, fields))])

        async def edit(stored: Json) -> Json:
            return make(stored, fields)

        async with self.changes.around(application.id, told):
            return await self.change(document, edit, allowed)


Ids = Callable[[Sequence[str], str], list[str]]
"""The ids of what is named by id or key, in order, each once; a pointer says where the names stand.

Raises UnknownReference.
"""


async def lookup(resources: Resources, application: str, many: Pairs, field: str) -> Ids:
    """Looks up all that `field` names in any of these at once."""
    named = [name for _, fields in many for name in fields.get(field) or ()]
    found = await resources.ids_by_name(application, named) if named else {}

    def ids(names: Sequence[str], pointer: str) -> list[str]:
        return known_ids(resources.kind, found, names, pointer)

    return ids


def kept(document: Json, objects: Sequence[str] = ()) -> Json:
    """A document as it is stored: without what is null, also within these objects, and without empty objects."""
    inner = {
        name: {one: value for one, value in document[name].items() if value is not None}
        for name in objects
        if document.get(name) is not None
    }
    return {name: value for name, value in (document | inner).items() if value is not None and value != {}}


def shape(value: Json | None) -> str | None:
    """The names in an object of the caller's own making, as one text; None for none."""
    return "\n".join(sorted(value)) if value else None
