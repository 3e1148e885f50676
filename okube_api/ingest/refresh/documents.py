"""Documents that follow from events: the areas known, and the days on which campaigns have data."""

from collections.abc import Collection

from okube_api.areas.repository import AREAS, AreaRepository
from okube_api.campaigns.levers import LeverRepository
from okube_api.campaigns.repository import CAMPAIGNS, CampaignRepository
from okube_api.catalogue.buckets import to_date
from okube_api.catalogue.facts import DELIVERIES, EXPOSURES, Fact, Span
from okube_api.clock import Clock
from okube_api.ingest.events import tables
from okube_api.ingest.events.kinds import KINDS
from okube_api.ingest.raw.latest import find_latest_rows
from okube_api.ingest.raw.reader import read_events, read_live_batches
from okube_api.kit.resource_changes import ChangePublisher
from okube_api.sites.repository import SiteRepository
from okube_api.store.conditions import EVERYTHING, OneOf, equal
from okube_api.store.plans import Aggregate, Max, Min
from okube_api.store.protocol import Reader, Store

_DATED = ("touches", "deliveries")


class DerivedDocuments:
    """Brings documents up to what events say; twice does no harm."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._areas = AreaRepository(store, clock)
        unheard = ChangePublisher()  # nothing here is a change that facts would follow
        sites, levers = SiteRepository(store, clock, unheard), LeverRepository(store, clock, CAMPAIGNS)
        self._campaigns = CampaignRepository(store, clock, unheard, sites, levers)

    async def update(self, application: str, kinds: Collection[str]) -> None:
        """After batches of some kinds came or went."""
        if "areas" in kinds:
            await self._put_areas(application)
        if set(_DATED) & set(kinds):
            await self._date_campaigns(application)

    async def _put_areas(self, application: str) -> None:
        async with self._store.open_reader(application) as view:
            found = await read_events(
                view, tables.AREAS, tables.UNDATED_PART, tables.UNDATED_PART, await read_live_batches(view)
            )
        rows = (
            found.take(find_latest_rows(found, KINDS["areas"].natural_key))
            .select(["code", "name", "lng", "lat"])
            .to_pylist()
        )
        await self._areas.upsert(application, rows)
        known = OneOf("code", tuple(row["code"] for row in rows))
        await self._store.delete(AREAS, equal("application", application) & ~known)

    async def _date_campaigns(self, application: str) -> None:
        """Campaigns of whose days one changed are noted anew; those without data any more, too."""
        async with self._store.open_reader(application) as view:
            spans = [await _spans(view, fact) for fact in (EXPOSURES, DELIVERIES)]
        campaigns = await self._store.find(CAMPAIGNS, equal("application", application))
        found = {}
        for campaign in campaigns:
            days = [span[campaign["_id"]] for span in spans if campaign["_id"] in span]
            first, last = min((one for one, _ in days), default=0), max((one for _, one in days), default=0)
            found[campaign["_id"]] = (to_date(first).isoformat(), to_date(last).isoformat()) if days else None
        await self._campaigns.set_computed_periods(application, found)


async def _spans(view: Reader, fact: Fact) -> dict[str, tuple[int, int]]:
    """The first and last day of each campaign's rows."""
    table = fact.rollup(fact.grains[0], Span.DAY)
    found = await view.aggregate(Aggregate(table, EVERYTHING, ("campaign",), (Min("day", "first"), Max("day", "last"))))
    return {row["campaign"]: (row["first"], row["last"]) for row in found.to_pylist()}
