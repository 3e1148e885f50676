"""Derives exposures (the users whom a campaign reached on a day) and deliveries (the counts of media platforms)."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from okube_api.catalogue.facts import DELIVERIES, EXPOSURES
from okube_api.ingest.columns.columns import (
    DayRange,
    build_fact_table,
    mark_group_starts,
    sort_order,
    split_days,
    to_codes,
    to_integers,
    to_name_column,
)
from okube_api.ingest.columns.local_days import to_local_days
from okube_api.ingest.derive.attribution import AttributionContext, look_up_weights
from okube_api.ingest.derive.touch_paths import TOUCH_KINDS


def derive_exposures(
    touches: pa.Table, context: AttributionContext, span: DayRange
) -> Iterator[tuple[DayRange, pa.Table]]:
    """Yield one row per campaign, user, local day of the application and control flag, in blocks of whole days.

    touches: (user, campaign, at, kind); those of campaigns without windows are left out.
    Rows are in order of day, campaign, control and user; `start` is the first touch of the day.
    """
    campaigns = sorted(context.windows)
    campaign, kind = to_codes(touches["campaign"], campaigns), to_codes(touches["kind"], (*TOUCH_KINDS, "control"))
    day = to_local_days(to_integers(touches["at"]), context.timezone)
    mask = (campaign >= 0) & (kind >= 0) & (day >= span[0]) & (day <= span[1])
    day, campaign, is_control = day[mask], campaign[mask], kind[mask] == len(TOUCH_KINDS)
    user, at_ms = (to_integers(touches[name])[mask] for name in ("user", "at"))
    by = sort_order(day, campaign, is_control.astype(np.int8), user, at_ms)
    by = by[mark_group_starts(day[by], campaign[by], is_control[by], user[by])]
    for days, part in split_days(day[by], span):
        numbers = by[part]
        columns = {
            "campaign": to_name_column(campaigns, campaign[numbers]),
            "user": user[numbers],
            "start": at_ms[numbers],
            "weight": look_up_weights(context.weights, user[numbers]),
            "control": is_control[numbers].astype(np.int64),
        }
        yield days, build_fact_table(EXPOSURES, day[numbers], columns)


def derive_deliveries(events: pa.Table) -> pa.Table:
    """Return the rows of deliveries in order of day, campaign and site, those without a site first.

    events: (campaign, day, site or null, prints, clicks, openings), one per natural key.
    """
    sorted_events = events.sort_by([(name, "ascending", "at_start") for name in ("day", "campaign", "site")])
    columns = {
        "campaign": sorted_events["campaign"].cast(pa.string()),
        "site": sorted_events["site"].cast(pa.string()),
        "print_count": to_integers(sorted_events["prints"]),
        "click_count": to_integers(sorted_events["clicks"]),
        "opening_count": to_integers(sorted_events["openings"]),
    }
    return build_fact_table(DELIVERIES, to_integers(sorted_events["day"]), columns)
