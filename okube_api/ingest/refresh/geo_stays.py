"""The rows of `geo_stays` from the stays of the panel: weights, distances, bands; `marking` adds their marks."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from okube_api.catalogue.bands import find_bands
from okube_api.catalogue.facts import GEO_STAYS
from okube_api.ingest.columns.prefetch import prefetch
from okube_api.ingest.derive.panel_index import PanelIndex
from okube_api.ingest.derive.place_index import ZONE_KINDS, PlaceIndex
from okube_api.ingest.refresh.context import DerivationContext, RefreshTask
from okube_api.ingest.refresh.geo_days import StayColumns, StayRules, read_stay_days
from okube_api.ingest.refresh.recency import RecencyKeys, RecencyWriter
from okube_api.store.arrays import Ints
from okube_api.store.protocol import Change

_UNKNOWN_BAND = -1


@dataclass(frozen=True, slots=True)
class BandEdges:
    """Lower edges of the application's bands: of dwell in seconds, of distance in metres."""

    dwell: Sequence[int]
    distance: Sequence[int]


async def refresh_geo_stays(change: Change, told: DerivationContext, people: PanelIndex, task: RefreshTask) -> None:
    """Writes the days of `geo_stays` that a change of pings or stays touches, and what follows from them."""
    settings = told.settings
    rules = StayRules(settings.stays.gap_minutes * 60, settings.stays.minimum_seconds)
    edges = BandEdges(settings.bands.dwell, settings.bands.distance)
    inside_sites = (np.arange(told.place_index.zone_count) % 2 == 0) & np.repeat(told.place_index.is_site, 2)
    spots = RecencyKeys({"place": told.place_index.ids, "zone": ZONE_KINDS}, inside_sites)
    days = RecencyWriter(change, GEO_STAYS, spots, settings.bands.gap)
    async for found in prefetch(read_stay_days(change, told.place_index, rules, task)):
        rows = await asyncio.to_thread(build_rows, found.stays, told.place_index, people, edges)
        await days.write(found.touched, rows)
    await days.finish()


def build_rows(found: StayColumns, ground: PlaceIndex, people: PanelIndex, edges: BandEdges) -> pa.Table:
    """Rows of `geo_stays`: its columns but the marks, and `day`."""
    place = found.zone // 2
    who = people.find_rows(found.user)
    columns: dict[str, pa.Array] = {
        "place": _named(ground.ids, place),
        "zone": _named(ZONE_KINDS, found.zone % 2),
        "user": pa.array(found.user),
        "start": pa.array(found.start_ms),
        "dwell_s": pa.array(found.dwell_s),
        "day": pa.array(found.day),
        "weight": pa.array(people.weight[who]),
        "dwell_band": pa.array(find_bands(found.dwell_s, edges.dwell)),
        **{name: people.text_column(name, who) for name in people.attributes},
    }
    for name in ("home", "work"):
        metres = people.distances_m(name, who, place, ground.lng, ground.lat)
        columns |= {f"{name}_m": metres, f"{name}_band": _band(metres, edges.distance)}
    return pa.table(columns)


def _named(names: Sequence[str], numbers: Ints) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(numbers.astype(np.int32)), pa.array(names, pa.string()))


def _band(values: pa.Array, edges: Sequence[int]) -> pa.Array:
    found = find_bands(pc.fill_null(values, 0).to_numpy(), edges)
    return pa.array(np.where(values.is_valid().to_numpy(zero_copy_only=False), found, _UNKNOWN_BAND))
