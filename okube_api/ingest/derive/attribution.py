"""Attributes outcomes to touches: rows of outcomes with their paths, of their purchases, of credits, and of cohorts.

For the outcomes of local days, `refresh/conversion.py` reads the events of `day_dependencies.find_required_ranges`,
calls `derive_conversion`, and replaces the days of each block.  Then, for the days of the credited touches of the rows
before and after, it reads the outcomes of `find_outcome_days_of_cohorts` and calls `derive_cohorts`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from okube_api.catalogue.bands import find_bands
from okube_api.catalogue.facts import COHORTS, CREDITS, OUTCOMES, PURCHASE_FACT
from okube_api.catalogue.scopes import CHANNELS
from okube_api.catalogue.weights import WEIGHT_UNIT
from okube_api.clock import DAY_S
from okube_api.ingest.columns.columns import (
    DayRange,
    build_fact_table,
    count_by_group,
    sort_order,
    split_days,
    to_integers,
    to_list_column,
    to_name_column,
)
from okube_api.ingest.columns.local_days import to_local_days
from okube_api.ingest.columns.local_hours import compute_hours
from okube_api.ingest.columns.sort_codes import to_sort_codes
from okube_api.ingest.derive.outcomes import Outcomes, Purchases, derive_outcomes
from okube_api.ingest.derive.touch_paths import TOUCH_KINDS, Paths, Touches, Windows, build_paths, prepare_touches
from okube_api.store.arrays import Codes, Ints

_MICRO = 1_000_000
_UNKNOWN_BAND = -1


@dataclass(frozen=True, slots=True, eq=False)
class AttributionContext:
    """Inputs of attribution other than events.

    timezone: that of the application.  sites: (site, timezone, online as boolean).
    weights: (user, weight in thousandths); users without a row have the weight 1.
    delay_edges: lower edges of the bands of delay, in days.
    basket_edges: lower edges of the bands of amounts, in the application's currency.
    """

    timezone: str
    sites: pa.Table
    windows: Windows
    weights: pa.Table
    delay_edges: Sequence[int]
    basket_edges: Sequence[int]


@dataclass(frozen=True, slots=True)
class ConversionBlock:
    """Rows of the local days of `span`: about 100,000 outcomes in all, or those of one day.

    outcomes: in order of day, site, user and time, without their recency flags.
    purchases: in order of their outcomes, then of time and amount.
    credits: in the order of outcomes, then by campaign; None where they were not requested.
    """

    span: DayRange
    outcomes: pa.Table
    purchases: pa.Table
    credits: pa.Table | None


def derive_conversion(
    touches: pa.Table,
    visits: pa.Table,
    purchases: pa.Table,
    context: AttributionContext,
    span: DayRange,
    *,
    with_credits: bool = True,
) -> Iterator[ConversionBlock]:
    """Yield the outcomes of the local days of `span` and their credits, in blocks that together cover all days.

    touches: (user, campaign, at, kind).  visits: (user, site, at).  purchases: (user, site, at, amount_micro).
    Instants are in ms, UTC.  Events of unknown sites and of campaigns without windows are left out.
    """
    sites = context.sites.sort_by("site")
    outcomes, bought = derive_outcomes(visits, purchases, sites, span)
    indexed_touches = prepare_touches(touches, context.windows, outcomes.user)
    for days, part in split_days(outcomes.day, span):
        of_block = outcomes.take(part)
        weight = look_up_weights(context.weights, of_block.user)
        paths = build_paths(indexed_touches, of_block.user, of_block.at_ms)
        campaigns = _count_campaigns(indexed_touches, paths)
        attributed = _AttributedOutcomes(of_block, weight, indexed_touches, paths, campaigns)
        yield ConversionBlock(
            days,
            _build_outcomes(attributed, sites, context),
            _build_purchases(attributed, bought.of_outcomes(part), sites, context),
            _build_credits(attributed, sites) if with_credits else None,
        )


def look_up_weights(weights: pa.Table, user: Ints) -> Ints:
    """Return the weight of each user, in thousandths; users without a row in `weights` have the weight 1."""
    panelists = to_integers(weights["user"])
    by_number = np.full(max(panelists.max(initial=-1), user.max(initial=-1)) + 1, WEIGHT_UNIT, np.int64)
    by_number[panelists] = to_integers(weights["weight"])
    return by_number[user]


# -- rows --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _PathCampaigns:
    """The distinct campaigns of paths, in order of outcome and campaign, and how often each occurs in its path."""

    outcome: Ints
    campaign: Ints
    occurrences: Ints


@dataclass(frozen=True, slots=True, eq=False)
class _AttributedOutcomes:
    """Outcomes with the weights of their users and with their paths."""

    outcomes: Outcomes
    weight: Ints
    touches: Touches
    paths: Paths
    campaigns: _PathCampaigns


def _count_campaigns(touches: Touches, paths: Paths) -> _PathCampaigns:
    size = max(len(touches.campaigns), 1)
    pairs, occurrences = np.unique(paths.outcome * size + touches.campaign[paths.touch], return_counts=True)
    return _PathCampaigns(pairs // size, pairs % size, occurrences)


def _build_site_columns(sites: pa.Table, site: Codes) -> dict[str, pa.Array]:
    online = sites["online"].to_numpy().astype(np.int64)
    return {"site": to_name_column(sites["site"].to_pylist(), site), "channel": to_name_column(CHANNELS, online[site])}


def _compute_hours(at_ms: Ints, day: Ints, site: Codes, sites: pa.Table) -> dict[str, Ints]:
    return compute_hours(at_ms, day, site, sites["timezone"].to_pylist())


def _build_outcomes(attributed: _AttributedOutcomes, sites: pa.Table, context: AttributionContext) -> pa.Table:
    outcomes, paths, touches, campaigns = (
        attributed.outcomes,
        attributed.paths,
        attributed.touches,
        attributed.campaigns,
    )
    is_attributed = paths.counts > 0
    credited_ms, kind, campaign, touch_day = np.zeros((4, len(is_attributed)), np.int64)
    for column, of_touch in ((credited_ms, touches.at_ms), (kind, touches.kind), (campaign, touches.campaign)):
        column[is_attributed] = of_touch[paths.last]
    touch_day[is_attributed] = to_local_days(credited_ms[is_attributed], context.timezone)
    delay_s = (outcomes.at_ms - credited_ms) // 1000
    has_delay = is_attributed & (outcomes.visit > 0)
    delay_band = find_bands(delay_s, [edge * DAY_S for edge in context.delay_edges])
    campaign_counts = count_by_group(campaigns.outcome, len(is_attributed))
    columns = {
        **_build_site_columns(sites, outcomes.site),
        "user": outcomes.user,
        "weight": attributed.weight,
        "visit": outcomes.visit,
        "conversion": ((outcomes.visit > 0) & (outcomes.purchase_count > 0)).astype(np.int64),
        "purchase_count": outcomes.purchase_count,
        "revenue_micro": outcomes.revenue_micro,
        "campaigns": to_list_column(campaign_counts, touches.campaigns, campaigns.campaign),
        "start": outcomes.at_ms,
        **_compute_hours(outcomes.at_ms, outcomes.day, outcomes.site, sites),
        "path": to_list_column(paths.counts, touches.campaigns, touches.campaign[paths.touch]),
        "attributed": is_attributed.astype(np.int64),
        "credited": to_name_column(touches.campaigns, campaign, missing=~is_attributed),
        "touch_kind": to_name_column(TOUCH_KINDS, kind, missing=~is_attributed),
        "touch_day": pa.array(touch_day, mask=~is_attributed),
        "delay_s": pa.array(delay_s, mask=~has_delay),
        "delay_band": np.where(has_delay, delay_band, -1),
    }
    return build_fact_table(OUTCOMES, outcomes.day, columns)


def _build_purchases(
    attributed: _AttributedOutcomes, bought: Purchases, sites: pa.Table, context: AttributionContext
) -> pa.Table:
    outcomes, outcome = attributed.outcomes, bought.outcome
    is_purchase = bought.amount_micro >= 0
    amount_micro = np.where(is_purchase, bought.amount_micro, 0)
    band = find_bands(amount_micro, [edge * _MICRO for edge in context.basket_edges])
    columns = {
        **_build_site_columns(sites, outcomes.site[outcome]),
        "user": outcomes.user[outcome],
        "weight": attributed.weight[outcome],
        "start": bought.at_ms,
        **_compute_hours(bought.at_ms, outcomes.day[outcome], outcomes.site[outcome], sites),
        "purchase_count": is_purchase.astype(np.int64),
        "amount_micro": amount_micro,
        "refund_micro": np.where(is_purchase, 0, -bought.amount_micro),
        "basket_band": np.where(is_purchase, band, _UNKNOWN_BAND),
        "attributed": (attributed.paths.counts[outcome] > 0).astype(np.int64),
    }
    return build_fact_table(PURCHASE_FACT, outcomes.day[outcome], columns)


def _build_credits(attributed: _AttributedOutcomes, sites: pa.Table) -> pa.Table:
    """Return one row per attributed visit and distinct campaign; purchases without a visit have no credits."""
    outcomes, paths, touches = attributed.outcomes, attributed.paths, attributed.touches
    campaigns = attributed.campaigns
    ends = np.full((2, len(paths.counts)), -1)
    ends[:, paths.counts > 0] = touches.campaign[paths.first], touches.campaign[paths.last]
    has_visit = outcomes.visit[campaigns.outcome] > 0
    outcome, campaign = campaigns.outcome[has_visit], campaigns.campaign[has_visit]
    is_first, is_last = (ends[:, outcome] == campaign).astype(np.int64)
    columns = {
        **_build_site_columns(sites, outcomes.site[outcome]),
        "user": outcomes.user[outcome],
        "weight": attributed.weight[outcome],
        "campaign": to_name_column(touches.campaigns, campaign),
        **_compute_hours(outcomes.at_ms[outcome], outcomes.day[outcome], outcomes.site[outcome], sites),
        "touches": paths.counts[outcome],
        "distinct": count_by_group(outcome, len(paths.counts))[outcome],
        "occurrence_count": campaigns.occurrences[has_visit],
        "is_first": is_first,
        "is_last": is_last,
    }
    return build_fact_table(CREDITS, outcomes.day[outcome], columns)


def derive_cohorts(outcomes: pa.Table, span: DayRange) -> pa.Table:
    """Return the attributed outcomes whose credited touch is on a day of `span`; their `day` is that of the touch.

    outcomes: rows of OUTCOMES, of the days of `day_dependencies.find_outcome_days_of_cohorts`, in any order.
    Rows are sorted by every column in which they can differ, so that the order does not depend on that of `outcomes`.
    """
    touch_day = outcomes["touch_day"]
    rows = outcomes.filter(pc.and_(pc.greater_equal(touch_day, span[0]), pc.less_equal(touch_day, span[1])))
    by = ["touch_day", "site", "user", "visit", "purchase_count", "revenue_micro", "campaigns"]
    rows = rows.take(pa.array(sort_order(*(to_sort_codes(rows[name]) for name in by))))
    columns = {column.name: rows[column.name] for column in COHORTS.columns}
    return build_fact_table(COHORTS, to_integers(rows["touch_day"]), columns)
