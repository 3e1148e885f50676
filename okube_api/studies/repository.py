"""Stores studies."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from okube_api.clock import Clock
from okube_api.errors import Impossible, NotFound
from okube_api.kit.application import Application
from okube_api.kit.repository import Repository, match_names
from okube_api.kit.resource_changes import ChangePublisher
from okube_api.kit.revision_cache import RevisionCache
from okube_api.kit.validated_repository import Normalize, Updates, ValidatedRepository, drop_nulls, join_names, load_ids
from okube_api.store.conditions import EVERYTHING, Condition, OneOf, Overlaps, equal
from okube_api.store.protocol import Store
from okube_api.store.schema import Collection, ColumnType
from okube_api.store.values import Json
from okube_api.studies import everywhere

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
    has_revision=True,
)

_MOST_LOADED = 1000  # names of studies


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
        self._loaded = RevisionCache[Json](store, self.collection, most=_MOST_LOADED)

    async def load(self, application: str, id_or_key: str) -> Json:
        """Return what `get` returns, from memory until a study is written; the caller must not change it."""
        return await self._loaded.load((application, id_or_key), lambda: self.get(application, id_or_key))

    async def get(self, application: str, id_or_key: str) -> Json:
        """Return the study of an application with this id or key, also `all`.  Raise NotFound."""
        try:
            return await super().get(application, id_or_key)
        except NotFound:
            if id_or_key != everywhere.KEY and everywhere.find_application_id(id_or_key) != application:
                raise
        return await self._build_study_everywhere(application, id_or_key)

    async def get_by_id(self, identifier: str) -> Json:
        """Return the study with this id, also that of a study `all`, in any application.  Raise NotFound."""
        try:
            return await super().get_by_id(identifier)
        except NotFound:
            application = everywhere.find_application_id(identifier)
            if application is None:
                raise
        return await self._build_study_everywhere(application, identifier)

    async def _build_study_everywhere(self, application: str, id_or_key: str) -> Json:
        """Return the study `all` that is not stored.  Raise NotFound when the application has stored one.

        application: an id; whether there is such an application is not checked.
        """
        if await self.store.count(STUDIES, equal("application", application) & equal("key", everywhere.KEY)):
            raise NotFound(self.kind, id_or_key)
        return everywhere.build_study(application)

    async def list_places(self, study: Json) -> Json:
        """Return a study with the ids of its places, also when it is the one of all active places."""
        if not everywhere.covers_all(study):
            return study
        where = equal("application", study["application"]) & equal("active", True)
        return study | {
            field: [place["_id"] for place in await self.store.find(places.collection, where, fields=("active",))]
            for field, places in self._places.items()
        }

    async def match_pois(self, readable: Condition, name: str) -> Condition:
        """Return the condition that a POI is in a study with this id or key.

        readable: the condition that the studies must match.
        """
        where = readable & match_names(self.key_field, (name,), (name,))
        studies = await self.store.find(STUDIES, where, fields=("application", "pois"))
        pois = OneOf("_id", tuple(poi for study in studies for poi in study.get("pois") or ()))
        if name == everywhere.KEY:
            owners = tuple(study["application"] for study in studies)
            return pois | (equal("active", True) & ~OneOf("application", owners))
        application = everywhere.find_application_id(name)
        if studies or application is None:
            return pois
        try:
            await self._build_study_everywhere(application, name)
        except NotFound:
            return pois
        return equal("active", True) & equal("application", application)

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
