"""Exports the facts of okube to Parquet files, which the competitors read."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from okube_api.api.container import Services
from okube_api.bench.world import CAMPAIGN_COST, DAYS, FIRST
from okube_api.campaigns.repository import CAMPAIGNS
from okube_api.catalogue.buckets import month_number, to_ordinal
from okube_api.catalogue.fact import Fact
from okube_api.catalogue.facts import GEO_STAYS, OUTCOMES, PRESENCE_PASSAGES
from okube_api.kit.application import Application
from okube_api.sites.repository import SITES
from okube_api.store.conditions import equal
from okube_api.store.exact_integers import narrow_columns

_BUCKETS = ("day", "week", "month")
EXPORTED: dict[str, tuple[Fact, Sequence[str]]] = {
    "stays": (GEO_STAYS, ("place", "user", "dwell_s", "weekday", "hour_of_day")),
    "passages": (PRESENCE_PASSAGES, ("equipment", "user", "dwell_s")),
    "outcomes": (OUTCOMES, ("path", "campaigns", "visit", "conversion", "revenue_micro", "attributed")),
}


async def export_facts(services: Services, application: Application, folder: Path) -> dict[str, Path]:
    """Write a file for each entry of `EXPORTED`, with the facts of the year of the questions; return them by name.

    Three more are `sites` (place, region), `campaigns` (campaign, lever) and `costs` (campaign, lever, month, cost).
    Files of facts that exist already are kept.
    """
    files = {name: folder / f"facts-{name}.parquet" for name in (*EXPORTED, "sites", "campaigns", "costs")}
    first_day = to_ordinal(FIRST.date())
    days = pa.array(range(first_day, first_day + DAYS))
    async with services.store.open_reader(application.id) as view:
        for name, (fact, columns) in EXPORTED.items():
            if files[name].exists() and {*pq.read_schema(files[name]).names} >= {*_BUCKETS, *columns}:
                continue
            draft, writer = files[name].with_suffix(".draft"), None
            async for block in view.read_parts(fact.table, -(2**31), 2**31 - 1):
                rows = block.select([*_BUCKETS, *columns])
                rows = narrow_columns(rows.filter(pc.is_in(rows["day"], days)))  # some are of 1 January in local time
                writer = writer or pq.ParquetWriter(draft, rows.schema)
                writer.write_table(rows)
            assert writer is not None, f"no rows of {name}"
            writer.close()
            draft.rename(files[name])
    sites = await services.store.find(SITES, equal("application", application.id))
    regions = [each.get("attributes", {}).get("region", "unknown") for each in sites]  # data of an earlier version
    pq.write_table(pa.table({"place": [each["_id"] for each in sites], "region": regions}), files["sites"])
    campaigns = await services.store.find(CAMPAIGNS, equal("application", application.id))
    pq.write_table(
        pa.table({"campaign": [each["_id"] for each in campaigns], "lever": [each["lever"] for each in campaigns]}),
        files["campaigns"],
    )
    days_by_month = Counter(month_number(first_day + day) for day in range(DAYS))
    costs = [
        (each["_id"], each["lever"], month, CAMPAIGN_COST * days / DAYS)
        for each in campaigns
        for month, days in days_by_month.items()
    ]
    names = ("campaign", "lever", "month", "cost")
    pq.write_table(pa.table(dict(zip(names, zip(*costs, strict=True), strict=True))), files["costs"])
    return files
