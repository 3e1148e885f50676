"""Refreshes the fact `geo_stays`: the stays of the panel with weights, distances, bands and recency flags."""

import asyncio

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from okube_api.catalogue.bands import find_bands
from okube_api.catalogue.facts import GEO_STAYS
from okube_api.ingest.columns.columns import to_name_column
from okube_api.ingest.columns.local_hours import compute_hours
from okube_api.ingest.columns.prefetch import prefetch
from okube_api.ingest.derive.geo_stays import StayColumns
from okube_api.ingest.derive.panel_index import PanelIndex
from okube_api.ingest.derive.ping_runs import PingLimits, PingSessionizer
from okube_api.ingest.derive.ping_stays import SHARE_UNIT, PingRules
from okube_api.ingest.derive.place_index import ZONE_KINDS, PlaceIndex
from okube_api.ingest.derive.recency_flags import RecencyKeys
from okube_api.ingest.refresh.context import DerivationContext, RefreshTask
from okube_api.ingest.refresh.geo_days import PingCounts, read_stay_days
from okube_api.ingest.refresh.recency import RecencyWriter
from okube_api.kit.application import BandEdges, Stays
from okube_api.store.protocol import Change

_UNKNOWN_BAND = -1


async def refresh_geo_stays(
    change: Change, context: DerivationContext, panel: PanelIndex, task: RefreshTask, ping_counts: PingCounts
) -> None:
    """Write `geo_stays` on the days that a change of pings or stay events affects; correct flags of later days.

    ping_counts: counts what becomes of the pings of new batches.
    """
    settings, places = context.settings, context.place_index
    sessionizer = PingSessionizer(places, build_ping_rules(settings.stays), build_ping_limits(settings.stays))
    is_indoor = np.arange(places.zone_count) % len(ZONE_KINDS) == 0
    keys = RecencyKeys({"place": places.ids, "zone": ZONE_KINDS}, is_indoor & np.repeat(places.is_site, 2))
    writer = RecencyWriter(change, GEO_STAYS, keys, settings.bands.gap)
    async for part in prefetch(read_stay_days(change, sessionizer, task, ping_counts)):
        rows = await asyncio.to_thread(build_rows, part.stays, places, panel, settings.bands)
        await writer.write(part.days, rows)
    await writer.finish()


def build_ping_rules(settings: Stays) -> PingRules:
    """Return when pings are a stay by the settings of an application."""
    return PingRules(
        gap_ms=settings.gap_ms,
        end_after_elsewhere=settings.end_after_elsewhere,
        minimum_share=round(settings.minimum_share * SHARE_UNIT),
        allows_single=settings.minimum_seconds == 0,
        is_dwell_expected=settings.dwell == "expected",
    )


def build_ping_limits(settings: Stays) -> PingLimits:
    """Return which pings are left out of stays by the settings of an application."""
    return PingLimits(settings.maximum_accuracy, settings.maximum_speed, settings.ignore_jumps)


def build_rows(stays: StayColumns, places: PlaceIndex, panel: PanelIndex, edges: BandEdges) -> pa.Table:
    """Return rows of `geo_stays`: `day` and its columns, without the recency flags."""
    place = stays.zone // len(ZONE_KINDS)
    panel_rows = panel.find_rows(stays.user)
    hours = compute_hours(stays.start_ms, stays.day, stays.zone, places.zone_timezones)
    columns: dict[str, pa.Array] = {
        "place": to_name_column(places.ids, place),
        "zone": to_name_column(ZONE_KINDS, stays.zone % len(ZONE_KINDS)),
        "user": pa.array(stays.user),
        "start": pa.array(stays.start_ms),
        "dwell_s": pa.array(stays.dwell_s),
        "day": pa.array(stays.day),
        **{name: pa.array(values) for name, values in hours.items()},
        "weight": pa.array(panel.weight[panel_rows]),
        "dwell_band": pa.array(find_bands(stays.dwell_s, edges.dwell)),
        **{name: panel.get_text_column(name, panel_rows) for name in panel.attributes},
    }
    for name in ("home", "work"):
        metres = panel.compute_distances_m(name, panel_rows, place, places.lng, places.lat)
        bands = find_bands(pc.fill_null(metres, 0).to_numpy(), edges.distance)
        has_distance = metres.is_valid().to_numpy(zero_copy_only=False)
        columns |= {f"{name}_m": metres, f"{name}_band": pa.array(np.where(has_distance, bands, _UNKNOWN_BAND))}
    return pa.table(columns)
