"""Inputs of a derivation other than events, the batches to refresh, and the unit of work (`RefreshTask`)."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from okube_api.applications.repository import APPLICATIONS
from okube_api.campaigns.repository import CAMPAIGNS
from okube_api.catalogue.bands import Bands
from okube_api.equipments.repository import EQUIPMENTS
from okube_api.ingest.columns.columns import DayRange, find_distinct, to_integers
from okube_api.ingest.derive.place_index import PlaceIndex, PlaceRules, index_places
from okube_api.ingest.derive.touch_paths import Windows
from okube_api.ingest.events.kinds import KINDS
from okube_api.ingest.raw.reader import BatchDelta
from okube_api.kit.application import STORED, Application, ApplicationSettings, BandEdges, Stays
from okube_api.pois.repository import POIS
from okube_api.sites.repository import SITES
from okube_api.store.conditions import equal
from okube_api.store.protocol import Reader, Store
from okube_api.store.ranges import join_ranges
from okube_api.store.schema import Collection
from okube_api.store.values import Json

_MAX_CONTEXTS = 20


@dataclass(frozen=True, slots=True, eq=False)
class DerivationContext:
    """The data of an application, other than events, on which its facts depend.

    timezone: that of the application.  sites: (site, timezone, online); equipments: (equipment, site, timezone of
    the site); both in any order.  windows: by campaign `_id`.
    """

    timezone: str
    settings: ApplicationSettings
    place_index: PlaceIndex
    sites: pa.Table
    equipments: pa.Table
    windows: Windows

    @property
    def band_edges(self) -> Mapping[Bands, tuple[int, ...]]:
        """The edges of the bands to count in."""
        return {bands: tuple(getattr(self.settings.bands, bands.value)) for bands in Bands}

    def with_band_edges(self, edges: Mapping[Bands, Sequence[int]]) -> "DerivationContext":
        """Return the context with other bands to count in."""
        bands = BandEdges.model_validate({name.value: list(values) for name, values in edges.items()}, context=STORED)
        return replace(self, settings=self.settings.model_copy(update={"bands": bands}))


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """A batch of events: its number in the application, and the kind of its events.

    rows: its events as they are stored, if they are in memory; they are not read back then.
    """

    number: int
    kind: str
    rows: pa.Table | None = None

    async def list_parts(self, view: Reader) -> list[int]:
        """Return the partitions that have events of the batch, ascending."""
        if self.rows is None:
            return await view.list_parts(KINDS[self.kind].table, self.number)
        parts: list[int] = find_distinct(to_integers(self.rows["part"])).tolist()
        return parts


@dataclass(frozen=True, slots=True)
class RefreshTask:
    """The days of facts to refresh.

    delta: the batches that count before and after the change.
    changed_days: ranges of UTC days with events that the change adds or removes, ascending, not adjacent.
    extra_days: local days to write even if their events do not change.
    """

    delta: BatchDelta
    changed_days: Sequence[DayRange]
    extra_days: frozenset[int] = frozenset()

    @property
    def day_ranges(self) -> list[DayRange]:
        """The ranges of changed and extra days, ascending, not adjacent."""
        return join_ranges([*self.changed_days, *((day, day) for day in self.extra_days)])


async def load_context(store: Store, application: Application) -> DerivationContext:
    """Return the inputs of a derivation other than events, as they are stored now.

    application: used when it is not stored; its settings may be older than the stored ones.
    """
    stored = await store.get(APPLICATIONS, equal("_id", application.id))
    application = application if stored is None else Application.from_document(stored)

    async def load_documents(collection: Collection) -> list[Json]:
        return await store.find(collection, equal("application", application.id))

    sites, pois, campaigns = [await load_documents(collection) for collection in (SITES, POIS, CAMPAIGNS)]
    timezones = {site["_id"]: site.get("timezone") or application.timezone for site in sites}
    equipments = [equipment for equipment in await load_documents(EQUIPMENTS) if equipment["site"] in timezones]
    default_windows = application.settings.attribution.windows.model_dump()
    return DerivationContext(
        timezone=application.timezone,
        settings=application.settings,
        place_index=index_places(sites, pois, application.timezone, build_place_rules(application.settings.stays)),
        sites=pa.table(
            {
                "site": _to_texts(list(timezones)),
                "timezone": _to_texts(list(timezones.values())),
                "online": pa.array([bool(site.get("online")) for site in sites], pa.bool_()),
            }
        ),
        equipments=pa.table(
            {
                "equipment": _to_texts([equipment["_id"] for equipment in equipments]),
                "site": _to_texts([equipment["site"] for equipment in equipments]),
                "timezone": _to_texts([timezones[equipment["site"]] for equipment in equipments]),
            }
        ),
        windows={campaign["_id"]: default_windows | (campaign.get("windows") or {}) for campaign in campaigns},
    )


class DerivationContexts:
    """Loads contexts, and keeps the last of each application while no document on which one depends is written."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._contexts: OrderedDict[str, tuple[str, DerivationContext]] = OrderedDict()

    async def load(self, application: Application) -> DerivationContext:
        """Return the context of an application, as `load_context` does."""
        with self._store.hold_revisions():
            await self._store.read_revisions()
            revision = self._store.revision(APPLICATIONS, SITES, POIS, CAMPAIGNS, EQUIPMENTS)
        stored = self._contexts.get(application.id)
        if revision is not None and stored is not None and stored[0] == revision:
            self._contexts.move_to_end(application.id)
            return stored[1]
        context = await load_context(self._store, application)
        if revision is not None:
            self._contexts[application.id] = revision, context
            self._contexts.move_to_end(application.id)
            while len(self._contexts) > _MAX_CONTEXTS:
                self._contexts.popitem(last=False)
        return context


def _to_texts(values: Sequence[str]) -> pa.Array:
    return pa.array(values, pa.string())


def build_place_rules(settings: Stays) -> PlaceRules:
    """Return how pings are matched with places by the settings of an application."""
    return PlaceRules(
        is_exclusive=settings.overlap == "nearest",
        snap_m=settings.snap_meters,
        minimum_s=settings.minimum_seconds,
        walking_mps=settings.walking_speed,
    )
