"""Studies in the store."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from okube_api.clock import Clock
from okube_api.errors import Impossible
from okube_api.kit.application import Application
from okube_api.kit.repository import Repository
from okube_api.kit.resource_changes import ChangePublisher
from okube_api.kit.validated_repository import Normalize, Updates, ValidatedRepository, drop_nulls, join_names, load_ids
from okube_api.store.conditions import EVERYTHING, Condition, Overlaps
from okube_api.store.protocol import Store
from okube_api.store.schema import Collection, ColumnType
from okube_api.store.values import Json

STUDIES = Collection(
    "studies",
    fields={
        "version": ColumnType.INTEGER,
        "application": ColumnType.TEXT,
        "key": ColumnType.TEXT,
        "from": ColumnType.TEXT,
        "to": ColumnType.TEXT,
        "global": ColumnType.BOOLEAN,  # whether it names no site
        "sites": ColumnType.TEXTS,
        "pois": ColumnType.TEXTS,
        "tags": ColumnType.TEXTS,
        "extraNames": ColumnType.TEXT,  # those in `extra`, one a line
        "parameterNames": ColumnType.TEXT,
    },
    unique=(("application", "key"),),
    search=("name", "key", "tags"),
)


class StudyRepository(ValidatedRepository):
    """The studies of every application."""

    collection = STUDIES
    kind = "study"
    name_fields: ClassVar[Mapping[str, str]] = {"extra": "extraNames", "parameters": "parameterNames"}

    def __init__(
        self, store: Store, clock: Clock, changes: ChangePublisher, sites: Repository, pois: Repository
    ) -> None:
        super().__init__(store, clock, changes)
        self._places = {"sites": sites, "pois": pois}

    async def load_normalizer(self, application: Application, many: Updates) -> Normalize:
        """The rule for studies, with the places that they name."""
        ids = {name: await load_ids(places, application.id, many, name) for name, places in self._places.items()}

        def make(stored: Json, fields: Json) -> Json:
            named = {name: ids[name](fields[name], f"/{name}") for name in ids if fields.get(name) is not None}
            return normalize_study(stored | fields | named)

        return make

    async def match_places(self, readable: Condition, field: str, named: Sequence[str] | None) -> Condition:
        """The studies that name one of these places (ids or keys), of the applications that `readable` covers."""
        if named is None:
            return EVERYTHING
        return Overlaps(field, await self._places[field].find_ids(readable, named))


def normalize_study(fields: Json) -> Json:
    """A study as it is kept: without what is null, and with what conditions ask for."""
    study = drop_nulls(fields)
    if study.get("from", "") > study.get("to", "9999-99-99"):
        raise Impossible.at("body", "/to", "The last day comes before the first.")
    names = {"extraNames": join_names(study.get("extra")), "parameterNames": join_names(study.get("parameters"))}
    return drop_nulls(study | names | {"global": "sites" not in study})
