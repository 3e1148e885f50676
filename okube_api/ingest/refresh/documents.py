"""Updates the documents that are derived from events: areas, and the days on which campaigns have data."""

import asyncio
from collections.abc import Collection, Sequence

from okube_api.areas.repository import AREAS, AreaRepository
from okube_api.campaigns.levers import LeverRepository
from okube_api.campaigns.repository import CAMPAIGNS, CampaignRepository
from okube_api.catalogue.buckets import to_date
from okube_api.catalogue.fact import Fact, Span
from okube_api.catalogue.facts import DELIVERIES, EXPOSURES
from okube_api.clock import Clock
from okube_api.geo.geometry import parse_geometry
from okube_api.ingest.derive.latest import find_latest_rows
from okube_api.ingest.events import kinds
from okube_api.ingest.events.tables import UNDATED_PART
from okube_api.ingest.raw.reader import read_events, read_live_batches
from okube_api.kit.resource_changes import ChangePublisher
from okube_api.sites.repository import SiteRepository
from okube_api.store.conditions import EVERYTHING, OneOf, equal
from okube_api.store.plans import Aggregate, Max, Min
from okube_api.store.protocol import Reader, Store
from okube_api.store.values import Json

_DATED_KINDS = ("touches", "deliveries")


class DerivedDocuments:
    """Updates documents from events; updates are idempotent."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._areas = AreaRepository(store, clock)
        without_listener = ChangePublisher()  # none of these changes makes facts stale
        sites, levers = SiteRepository(store, clock, without_listener), LeverRepository(store, clock, CAMPAIGNS)
        self._campaigns = CampaignRepository(store, clock, without_listener, sites, levers)

    async def update(self, application: str, kind_names: Collection[str]) -> None:
        """Update the documents that depend on events of these kinds, after batches were added or removed."""
        if "areas" in kind_names:
            await self._update_areas(application)
        if set(_DATED_KINDS) & set(kind_names):
            await self._update_campaigns(application)

    async def _update_areas(self, application: str) -> None:
        """Store the areas of the events, and delete all other areas."""
        async with self._store.open_reader(application) as view:
            batches = await read_live_batches(view)
            events = await read_events(view, kinds.AREAS.table, UNDATED_PART, UNDATED_PART, batches)
        latest = events.take(find_latest_rows(events, kinds.AREAS.natural_key))
        rows = latest.select(["code", "name", "lng", "lat", "geometry"]).to_pylist()
        await asyncio.to_thread(_parse_geometries, rows)
        await self._areas.upsert(application, rows)
        has_events = OneOf("code", tuple(row["code"] for row in rows))
        await self._store.delete(AREAS, equal("application", application) & ~has_events)

    async def _update_campaigns(self, application: str) -> None:
        """Store the first and last day with exposures or deliveries of each campaign, None without any."""
        async with self._store.open_reader(application) as view:
            spans_of_facts = [await _read_spans(view, fact) for fact in (EXPOSURES, DELIVERIES)]
        periods: dict[str, tuple[str, str] | None] = {}
        for campaign in await self._store.find(CAMPAIGNS, equal("application", application)):
            spans = [spans[campaign["_id"]] for spans in spans_of_facts if campaign["_id"] in spans]
            first, last = min((low for low, _ in spans), default=0), max((high for _, high in spans), default=0)
            periods[campaign["_id"]] = (to_date(first).isoformat(), to_date(last).isoformat()) if spans else None
        await self._campaigns.set_computed_periods(application, periods)


def _parse_geometries(areas: Sequence[Json]) -> None:
    """Replace the geometries of areas, which are texts, by GeoJSON."""
    for area in areas:
        if area["geometry"] is not None:
            area["geometry"] = parse_geometry(area["geometry"])


async def _read_spans(view: Reader, fact: Fact) -> dict[str, tuple[int, int]]:
    """Return the first and last day of each campaign's rows."""
    table = fact.rollup(fact.grains[0], Span.DAY)
    plan = Aggregate(table, EVERYTHING, ("campaign",), (Min("day", "first"), Max("day", "last")))
    rows = await view.aggregate(plan)
    return {row["campaign"]: (row["first"], row["last"]) for row in rows.to_pylist()}
