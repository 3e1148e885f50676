"""Stores studies."""

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
        "extraNames": ColumnType.TEXT,  # the names in `extra`, one per line
        "parameterNames": ColumnType.TEXT,
    },
    unique=(("application", "key"),),
    search=("name", "key", "tags"),
)


class StudyRepository(ValidatedRepository):
    """Stores the studies of all applications."""

    collection = STUDIES
    kind = "study"
    name_fields: ClassVar[Mapping[str, str]] = {"extra": "extraNames", "parameters": "parameterNames"}

    def __init__(
        self, store: Store, clock: Clock, changes: ChangePublisher, sites: Repository, pois: Repository
    ) -> None:
        super().__init__(store, clock, changes)
        self._places = {"sites": sites, "pois": pois}

    async def load_normalizer(self, application: Application, updates: Updates) -> Normalize:
        """Return the normaliser of these studies, with the sites and POIs that they name."""
        resolvers = {
            name: await load_ids(repository, application.id, updates, name) for name, repository in self._places.items()
        }

        def normalize(stored: Json, fields: Json) -> Json:
            ids = {
                name: resolve(fields[name], f"/{name}")
                for name, resolve in resolvers.items()
                if fields.get(name) is not None
            }
            return normalize_study(stored | fields | ids)

        return normalize

    async def match_places(self, readable: Condition, field: str, names: Sequence[str] | None) -> Condition:
        """Return the condition that a study has one of these places (ids or keys) in `field`; None matches all.

        field: `sites` or `pois`.  readable: the condition that the places themselves must match.
        """
        if names is None:
            return EVERYTHING
        return Overlaps(field, await self._places[field].find_ids(readable, names))


def normalize_study(fields: Json) -> Json:
    """Return the study to store, with the fields that only conditions use.  Raise Impossible."""
    study = drop_nulls(fields)
    if study.get("from", "") > study.get("to", "9999-99-99"):
        raise Impossible.at("body", "/to", "'to' must not be before 'from'.")
    names = {"extraNames": join_names(study.get("extra")), "parameterNames": join_names(study.get("parameters"))}
    return drop_nulls(study | names | {"global": "sites" not in study})
