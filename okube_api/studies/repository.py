"""Studies in the store."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from okube_api.clock import Clock
from okube_api.errors import Impossible
from okube_api.kit.application import Application
from okube_api.kit.repository import Resources
from okube_api.kit.resource_changes import Changes
from okube_api.kit.validated_repository import Make, Making, Pairs, kept, lookup, shape
from okube_api.store.base import EVERYTHING, Collection, Condition, Json, Kind, Overlaps, Store

STUDIES = Collection(
    "studies",
    fields={
        "version": Kind.INTEGER,
        "application": Kind.TEXT,
        "key": Kind.TEXT,
        "from": Kind.TEXT,
        "to": Kind.TEXT,
        "global": Kind.BOOLEAN,  # whether it names no site
        "sites": Kind.TEXTS,
        "pois": Kind.TEXTS,
        "tags": Kind.TEXTS,
        "extraNames": Kind.TEXT,  # those in `extra`, one a line
        "parameterNames": Kind.TEXT,
    },
    unique=(("application", "key"),),
    search=("name", "key", "tags"),
)


class Studies(Making):
    """The studies of every application."""

    collection = STUDIES
    kind = "study"
    shapes: ClassVar[Mapping[str, str]] = {"extra": "extraNames", "parameters": "parameterNames"}

    def __init__(self, store: Store, clock: Clock, changes: Changes, sites: Resources, pois: Resources) -> None:
        super().__init__(store, clock, changes)
        self._places = {"sites": sites, "pois": pois}

    async def maker(self, application: Application, many: Pairs) -> Make:
        """The rule for studies, with the places that they name."""
        ids = {name: await lookup(places, application.id, many, name) for name, places in self._places.items()}

        def make(stored: Json, fields: Json) -> Json:
            named = {name: ids[name](fields[name], f"/{name}") for name in ids if fields.get(name) is not None}
            return settled(stored | fields | named)

        return make

    async def naming(self, readable: Condition, field: str, named: Sequence[str] | None) -> Condition:
        """The studies that name one of these places (ids or keys), of the applications that `readable` covers."""
        if named is None:
            return EVERYTHING
        return Overlaps(field, await self._places[field].ids_among(readable, named))


def settled(fields: Json) -> Json:
    """A study as it is kept: without what is null, and with what conditions ask for."""
    study = kept(fields)
    if study.get("from", "") > study.get("to", "9999-99-99"):
        raise Impossible.at("body", "/to", "The last day comes before the first.")
    names = {"extraNames": shape(study.get("extra")), "parameterNames": shape(study.get("parameters"))}
    return kept(study | names | {"global": "sites" not in study})
