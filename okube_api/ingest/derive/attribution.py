"""From touches, visits and purchases to the rows of outcomes with their paths, of credits and of cohorts.

The caller's way, for the outcomes of some local days: read the events of `spans.margins`, call `conversion`, replace
the days of each block.  Then, for the days of the credited touches of the rows before and after, read the OUTCOMES of
`spans.outcome_days_of_cohorts` and call `cohorts`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from okube_api.catalogue.bands import find_bands
from okube_api.catalogue.facts import COHORTS, CREDITS, OUTCOMES
from okube_api.catalogue.weights import WEIGHT_UNIT
from okube_api.clock import DAY_S
from okube_api.ingest.columns.columns import (
    Span,
    build_fact_table,
    count_by_group,
    sort_order,
    split_days,
    to_integers,
    to_list_column,
    to_name_column,
)
from okube_api.ingest.columns.local_days import to_local_days
from okube_api.ingest.columns.sort_codes import to_sort_codes
from okube_api.ingest.derive.outcomes import Outcomes, derive_outcomes
from okube_api.ingest.derive.touch_paths import TOUCH_KINDS, Paths, Touches, Windows, build_paths, prepare_touches
from okube_api.store.arrays import Codes, Ints

_CHANNELS = ("offline", "online")


@dataclass(frozen=True, slots=True, eq=False)
class AttributionContext:
    """What an application says of its outcomes.

    zone: the application's; sites: (site, zone, online as boolean); weights: (user, weight in thousandths), users
    without a row weigh 1; delay_edges: lower edges of the bands of delay, in days.
    """

    timezone: str
    sites: pa.Table
    windows: Windows
    weights: pa.Table
    delay_edges: Sequence[int]


@dataclass(frozen=True, slots=True)
class ConversionBlock:
    """Everything of the local days of `span`, which together hold some 100,000 outcomes, or are one day.

    outcomes: in order of day, site, user, instant; credits: in the same order, then of campaign.
    """

    span: Span
    outcomes: pa.Table
    credits: pa.Table


def derive_conversion(
    touches: pa.Table, visits: pa.Table, purchases: pa.Table, setting: AttributionContext, span: Span
) -> Iterator[ConversionBlock]:
    """The outcomes of some local days and their credits, in blocks of days that together cover all of them.

    touches: (user, campaign, at, kind); visits: (user, site, at); purchases: (user, site, at, amount_micro).
    Instants in ms, UTC.  Events of sites that are not in the setting are left out, as are touches of such campaigns.
    """
    sites = setting.sites.sort_by("site")
    found = derive_outcomes(visits, purchases, sites, span)
    ready = prepare_touches(touches, setting.windows, found.user)
    for days, part in split_days(found.day, span):
        some = found.take(part)
        led = build_paths(ready, some.user, some.at_ms)
        told = _Told(some, look_up_weights(setting.weights, some.user), ready, led, _members(ready, led))
        yield ConversionBlock(days, _outcomes(told, sites, setting), _credits(told, sites))


def look_up_weights(weights: pa.Table, user: Ints) -> Ints:
    """The weight of each user, in thousandths."""
    known, weight = to_integers(weights["user"]), to_integers(weights["weight"])
    by_number = np.full(max(known.max(initial=-1), user.max(initial=-1)) + 1, WEIGHT_UNIT, np.int64)
    by_number[known] = weight
    return by_number[user]


# -- rows --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Members:
    """The distinct campaigns of paths, in order of outcome and campaign, and how often each stands in its path."""

    outcome: Ints
    campaign: Ints
    times: Ints


@dataclass(frozen=True, slots=True, eq=False)
class _Told:
    """All that is known of some outcomes."""

    found: Outcomes
    weight: Ints
    touches: Touches
    led: Paths
    members: _Members


def _members(touches: Touches, led: Paths) -> _Members:
    size = max(len(touches.campaigns), 1)
    pairs, times = np.unique(led.outcome * size + touches.campaign[led.touch], return_counts=True)
    return _Members(pairs // size, pairs % size, times)


def _placed(sites: pa.Table, site: Codes) -> dict[str, pa.Array]:
    online = sites["online"].to_numpy().astype(np.int64)
    return {"site": to_name_column(sites["site"].to_pylist(), site), "channel": to_name_column(_CHANNELS, online[site])}


def _outcomes(told: _Told, sites: pa.Table, setting: AttributionContext) -> pa.Table:
    found, led, touches = told.found, told.led, told.touches
    attributed = led.counts > 0
    credited_at, kind, campaign, touch_day = np.zeros((4, len(attributed)), np.int64)
    for column, of_touch in ((credited_at, touches.at_ms), (kind, touches.kind), (campaign, touches.campaign)):
        column[attributed] = of_touch[led.last]
    touch_day[attributed] = to_local_days(credited_at[attributed], setting.timezone)
    delay_s = (found.at_ms - credited_at) // 1000
    followed = attributed & (found.visit > 0)
    delay_band = find_bands(delay_s, [edge * DAY_S for edge in setting.delay_edges])
    columns = {
        **_placed(sites, found.site),
        "user": found.user,
        "weight": told.weight,
        "visit": found.visit,
        "conversion": ((found.visit > 0) & (found.purchase_count > 0)).astype(np.int64),
        "purchase_count": found.purchase_count,
        "revenue_micro": found.revenue_micro,
        "campaigns": to_list_column(
            count_by_group(told.members.outcome, len(attributed)), touches.campaigns, told.members.campaign
        ),
        "path": to_list_column(led.counts, touches.campaigns, touches.campaign[led.touch]),
        "attributed": attributed.astype(np.int64),
        "credited": to_name_column(touches.campaigns, campaign, missing=~attributed),
        "touch_kind": to_name_column(TOUCH_KINDS, kind, missing=~attributed),
        "touch_day": pa.array(touch_day, mask=~attributed),
        "delay_s": pa.array(delay_s, mask=~followed),
        "delay_band": np.where(followed, delay_band, -1),
    }
    return build_fact_table(OUTCOMES, found.day, columns)


def _credits(told: _Told, sites: pa.Table) -> pa.Table:
    """One row per attributed visit and distinct campaign; a purchase without a visit has nothing to be credited."""
    found, led, touches, members = told.found, told.led, told.touches, told.members
    ends = np.full((2, len(led.counts)), -1)
    ends[:, led.counts > 0] = touches.campaign[led.first], touches.campaign[led.last]
    visited = found.visit[members.outcome] > 0
    outcome, campaign = members.outcome[visited], members.campaign[visited]
    is_first, is_last = (ends[:, outcome] == campaign).astype(np.int64)
    columns = {
        **_placed(sites, found.site[outcome]),
        "user": found.user[outcome],
        "weight": told.weight[outcome],
        "campaign": to_name_column(touches.campaigns, campaign),
        "touches": led.counts[outcome],
        "distinct": count_by_group(outcome, len(led.counts))[outcome],
        "occurrence_count": members.times[visited],
        "is_first": is_first,
        "is_last": is_last,
    }
    return build_fact_table(CREDITS, found.day[outcome], columns)


def derive_cohorts(outcomes: pa.Table, span: Span) -> pa.Table:
    """The attributed outcomes whose credited touch is of the days of `span`, on that day.

    outcomes: rows of OUTCOMES, of the days that `spans.outcome_days_of_cohorts` tells, in any order.
    In order of day, site, user, then of what else can differ, so that only rows that are alike change places.
    """
    touch_day = outcomes["touch_day"]
    chosen = outcomes.filter(pc.and_(pc.greater_equal(touch_day, span[0]), pc.less_equal(touch_day, span[1])))
    by = ["touch_day", "site", "user", "visit", "purchase_count", "revenue_micro", "campaigns"]
    ordered = chosen.take(pa.array(sort_order(*(to_sort_codes(chosen[name]) for name in by))))
    columns = {column.name: ordered[column.name] for column in COHORTS.columns}
    return build_fact_table(COHORTS, to_integers(ordered["touch_day"]), columns)
