"""Whom campaigns reached, day by day, and what platforms delivered."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from okube_api.catalogue.facts import DELIVERIES, EXPOSURES
from okube_api.ingest.columns.columns import (
    Span,
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


def derive_exposures(touches: pa.Table, setting: AttributionContext, span: Span) -> Iterator[tuple[Span, pa.Table]]:
    """One row per campaign, user, local day of the application's zone, and whether control; in blocks of whole days.

    touches: (user, campaign, at, kind); those of campaigns without windows are left out.
    In order of day, campaign, control, user.
    """
    campaigns = sorted(setting.windows)
    campaign, kind = to_codes(touches["campaign"], campaigns), to_codes(touches["kind"], (*TOUCH_KINDS, "control"))
    day = to_local_days(to_integers(touches["at"]), setting.timezone)
    there = (campaign >= 0) & (kind >= 0) & (day >= span[0]) & (day <= span[1])
    day, campaign, control = day[there], campaign[there], kind[there] == len(TOUCH_KINDS)
    user = to_integers(touches["user"])[there]
    by = sort_order(day, campaign, control.astype(np.int8), user)
    by = by[mark_group_starts(day[by], campaign[by], control[by], user[by])]
    for days, part in split_days(day[by], span):
        some = by[part]
        columns = {
            "campaign": to_name_column(campaigns, campaign[some]),
            "user": user[some],
            "weight": look_up_weights(setting.weights, user[some]),
            "control": control[some].astype(np.int64),
        }
        yield days, build_fact_table(EXPOSURES, day[some], columns)


def derive_deliveries(events: pa.Table) -> pa.Table:
    """What was delivered: events (campaign, day, site or null, prints, clicks, openings), one a natural key.

    In order of day, campaign, site, those without a site first.
    """
    keys = [("day", "ascending"), ("campaign", "ascending"), ("site", "ascending")]
    ordered = events.sort_by([(name, how, "at_start") for name, how in keys])
    columns = {
        "campaign": ordered["campaign"].cast(pa.string()),
        "site": ordered["site"].cast(pa.string()),
        "print_count": to_integers(ordered["prints"]),
        "click_count": to_integers(ordered["clicks"]),
        "opening_count": to_integers(ordered["openings"]),
    }
    return build_fact_table(DELIVERIES, to_integers(ordered["day"]), columns)
