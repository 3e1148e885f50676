"""Exports the facts of okube to Parquet files, which the competitors read."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from okube_api.api.container import Services
from okube_api.campaigns.repository import CAMPAIGNS
from okube_api.catalogue.fact import Fact
from okube_api.catalogue.facts import GEO_STAYS, OUTCOMES, PRESENCE_PASSAGES
from okube_api.kit.application import Application
from okube_api.store.conditions import equal
from okube_api.store.exact_integers import narrow_columns

_BUCKETS = ("day", "week", "month")
EXPORTED: dict[str, tuple[Fact, Sequence[str]]] = {
    "stays": (GEO_STAYS, ("place", "user", "dwell_s")),
    "passages": (PRESENCE_PASSAGES, ("equipment", "user", "dwell_s")),
    "outcomes": (OUTCOMES, ("path", "campaigns", "visit", "conversion", "revenue_micro", "attributed")),
}


async def export_facts(services: Services, application: Application, folder: Path) -> dict[str, Path]:
    """Write a file for each entry of `EXPORTED`, and `campaigns` (campaign, lever); return them by name.

    Files of facts that exist already are kept.
    """
    files = {name: folder / f"raw-{name}.parquet" for name in (*EXPORTED, "campaigns")}
    async with services.store.open_reader(application.id) as view:
        for name, (fact, columns) in EXPORTED.items():
            if files[name].exists():
                continue
            draft, writer = files[name].with_suffix(".draft"), None
            async for block in view.read_parts(fact.table, -(2**31), 2**31 - 1):
                rows = narrow_columns(block.select([*_BUCKETS, *columns]))
                writer = writer or pq.ParquetWriter(draft, rows.schema)
                writer.write_table(rows)
            assert writer is not None, f"no rows of {name}"
            writer.close()
            draft.rename(files[name])
    campaigns = await services.store.find(CAMPAIGNS, equal("application", application.id))
    pq.write_table(
        pa.table({"campaign": [each["_id"] for each in campaigns], "lever": [each["lever"] for each in campaigns]}),
        files["campaigns"],
    )
    return files
