"""The rows that everybody beside the product works on: its facts, one a thing that happened, as Parquet files."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from okube_api.api.container import Services
from okube_api.campaigns.repository import CAMPAIGNS
from okube_api.catalogue.facts import GEO_STAYS, OUTCOMES, PRESENCE_PASSAGES, Fact
from okube_api.kit.application import Application
from okube_api.store.base import equal

_BUCKETS = ("day", "week", "month")
RAW: dict[str, tuple[Fact, Sequence[str]]] = {
    "stays": (GEO_STAYS, ("place", "user", "dwell_s")),
    "passages": (PRESENCE_PASSAGES, ("equipment", "user", "dwell_s")),
    "outcomes": (OUTCOMES, ("path", "campaigns", "visit", "conversion", "revenue_micro", "attributed")),
}


async def exported(services: Services, application: Application, folder: Path) -> dict[str, Path]:
    """A file for each kind of rows, and `campaigns` (campaign, lever); those that are there are kept."""
    found = {name: folder / f"raw-{name}.parquet" for name in (*RAW, "campaigns")}
    async with services.store.reading(application.id) as view:
        for name, (fact, columns) in RAW.items():
            if found[name].exists():
                continue
            draft, writer = found[name].with_suffix(".draft"), None
            async for block in view.read(fact.table, -(2**31), 2**31 - 1):
                rows = block.select([*_BUCKETS, *columns])
                writer = writer or pq.ParquetWriter(draft, rows.schema)
                writer.write_table(rows)
            assert writer is not None, f"there are no {name}"
            writer.close()
            draft.rename(found[name])
    known = await services.store.find(CAMPAIGNS, equal("application", application.id))
    pq.write_table(
        pa.table({"campaign": [one["_id"] for one in known], "lever": [one["lever"] for one in known]}),
        found["campaigns"],
    )
    return found
