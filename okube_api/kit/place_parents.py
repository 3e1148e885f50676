"""Resolves the `parent` of sites and POIs: the site or POI that contains them."""

from collections.abc import Callable, Iterable, Sequence

from okube_api.errors import Impossible, UnknownReference
from okube_api.kit.repository import Repository, index_by_key, index_by_name, match_names
from okube_api.kit.validated_repository import Updates
from okube_api.store.conditions import OneOf, equal
from okube_api.store.protocol import Store
from okube_api.store.values import Json

ResolveParent = Callable[[Json, Json], Json]
"""Returns the field `parent` to store, if it is among the fields, for a stored place and the fields to change in it.

Raises UnknownReference for a parent that does not exist, and Impossible for one that is in the place itself.
"""


async def load_parents(
    store: Store, kinds: Sequence[type[Repository]], application: str, updates: Updates
) -> ResolveParent:
    """Look up all parents that these updates name, and the parents of these; return a function that resolves them.

    kinds: the repositories of places; of two places with the same key, that of the first repository is meant.
    """
    names = {fields["parent"] for _, fields in updates if fields.get("parent") is not None}
    ids_by_name: dict[str, str] = {}
    parents: dict[str, str] = {}  # by place
    for kind in reversed(kinds):
        where = equal("application", application) & match_names(kind.key_field, names, tuple(names))
        documents = await store.find(kind.collection, where) if names else []
        by_id = {document["_id"]: document for document in documents}
        matches = index_by_name(names, by_id, index_by_key(kind.key_field, documents))
        ids_by_name |= {name: document["_id"] for name, document in matches.items()}
        parents |= _list_parents(documents)
    while unread := set(parents.values()) - parents.keys() - {""}:
        for kind in kinds:
            where = equal("application", application) & OneOf("_id", tuple(unread))
            parents |= _list_parents(await store.find(kind.collection, where, fields=("parent",)))
        parents |= dict.fromkeys(unread - parents.keys(), "")

    def resolve(stored: Json, fields: Json) -> Json:
        if fields.get("parent") is None:
            return {}
        parent = ids_by_name.get(fields["parent"])
        if parent is None:
            name = fields["parent"]
            message = f"There is no site or point of interest '{name}'. A parent must exist before the places in it."
            raise UnknownReference.at("body", "/parent", message)
        if "_id" in stored:
            _require_outside(stored["_id"], parent, parents)
            parents[stored["_id"]] = parent
        return {"parent": parent}

    return resolve


def _list_parents(places: Iterable[Json]) -> dict[str, str]:
    """Return the parent of each place, an empty text where it has none."""
    return {place["_id"]: place.get("parent") or "" for place in places}


def _require_outside(place: str, parent: str, parents: dict[str, str]) -> None:
    """Raise Impossible when the parent is the place, or is in it."""
    visited: set[str] = set()
    ancestor = parent
    while ancestor and ancestor not in visited:
        if ancestor == place:
            message = "A place cannot be its own parent." if parent == place else "The parent is in this place itself."
            raise Impossible.at("body", "/parent", message)
        visited.add(ancestor)
        ancestor = parents.get(ancestor, "")
