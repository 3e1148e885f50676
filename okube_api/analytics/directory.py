"""The resources that a question may name or reach, as far as questions need to know them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from okube_api.areas.repository import AREAS
from okube_api.errors import Fault, UnknownReference
from okube_api.identifiers import is_id
from okube_api.store.base import NOTHING, Collection, Condition, Json, OneOf, Overlaps, Store, equal


@dataclass(frozen=True, slots=True)
class Resource:
    """A site, a point of interest, a campaign, a lever or an equipment.

    names: its keys; any of them, or the `_id`, finds it.
    """

    id: str
    key: str
    name: str | None
    names: tuple[str, ...]
    active: bool
    tags: frozenset[str]
    document: Json

    @classmethod
    def of(cls, document: Json) -> "Resource":
        """What a document says of it."""
        return cls(
            document["_id"],
            document.get("key") or document["_id"],
            document.get("name"),
            tuple(dict.fromkeys((*_texts(document.get("key")), *(document.get("keys") or ())))),
            document.get("active", True) is not False,
            frozenset(document.get("tags") or ()),
            document,
        )


def _texts(value: str | None) -> tuple[str, ...]:
    return (value,) if value else ()


class Directory:
    """The resources of one application."""

    def __init__(self, store: Store, application: str) -> None:
        self._store = store
        self._application = application

    async def every(self, collection: Collection, ids: Sequence[str] | None = None) -> list[Resource]:
        """Those with these ids, or all of them, by `_id`."""
        return await self._found(collection, OneOf("_id", tuple(ids)) if ids is not None else None)

    async def named(self, collection: Collection, names: Sequence[str], pointer: str) -> list[Resource]:
        """Those that are named by id or key, each once, in order.

        Raises UnknownReference, which points at each name (`pointer` and its position) that nothing has.
        """
        by_name = self._by_name(await self._found(collection, self._named(collection, names)), names)
        faults = [
            Fault(
                "body",
                f"{pointer}/{position}",
                UnknownReference.code,
                f"'{name}' is none of the {collection.name} here.",
            )
            for position, name in enumerate(names)
            if name not in by_name
        ]
        if faults:
            raise UnknownReference(faults[0].message, faults=faults)
        return list({by_name[name].id: by_name[name] for name in names}.values())

    async def area_names(self, codes: Iterable[str]) -> dict[str, str]:
        """The names of the IRIS areas that have one, by code."""
        mine = equal("application", self._application) & OneOf("code", tuple(codes))
        return {one["code"]: one["name"] for one in await self._store.find(AREAS, mine) if one.get("name")}

    async def _found(self, collection: Collection, where: Condition | None) -> list[Resource]:
        mine = equal("application", self._application)
        documents = await self._store.find(collection, mine if where is None else mine & where)
        return [Resource.of(document) for document in documents]

    def _named(self, collection: Collection, names: Sequence[str]) -> Condition:
        ids = tuple(name.lower() for name in names if is_id(name))
        keys = Overlaps("names", tuple(names)) if "names" in collection.fields else OneOf("key", tuple(names))
        return (OneOf("_id", ids) if ids else NOTHING) | keys

    def _by_name(self, resources: Iterable[Resource], names: Sequence[str]) -> dict[str, Resource]:
        """An identifier goes before a key that looks like one."""
        found = {name: resource for resource in resources for name in resource.names}
        ids = {resource.id: resource for resource in resources}
        return found | {name: ids[name.lower()] for name in names if name.lower() in ids}
