"""Evaluates deliveries and costs of campaigns, with the shares of sites.

A delivery or cost that names a campaign but no site is shared evenly among the sites of `campaigns.find_sharers`, and a
question sums the shares of its sites.  A question that is neither about a selection of sites nor broken down by site
needs no shares: it leaves out campaigns whose sites are all inactive, and counts the others in full.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from okube_api.catalogue.expressions.costs import CampaignCost, DeliveryCount
from okube_api.catalogue.facts import CLICKS, OPENINGS, PRINTS
from okube_api.catalogue.scopes import CAMPAIGN_SCOPES, PlaceRole, Scope
from okube_api.catalogue.terms import Term
from okube_api.engine.campaigns import Spending, find_sharers
from okube_api.engine.evaluate import evaluate_number
from okube_api.engine.evaluator import Evaluator
from okube_api.engine.grid import EMPTY_GRID, Grid, sum_by_cell, sum_quotients
from okube_api.engine.term_rows import TermRows
from okube_api.engine.text_columns import encode_texts
from okube_api.engine.time_filters import select_days
from okube_api.store.arrays import Flags, Ints
from okube_api.store.exact_integers import SAFE, Numerators, concatenate_numbers, multiply, multiply_pairs

_COST_DENOMINATOR = 1_000_000_000
"""Costs are counted in thousandths of a millionth, so that one print at a cost per thousand is an integer."""
_MEASURE_OF_COST = {"cpm": (PRINTS, 1), "cpc": (CLICKS, 1000), "cpo": (OPENINGS, 1000)}
"""By kind of cost, the measure that it is paid for, and the factor from `amount_micro` to the unit of costs."""

_BLOCK = 2_000_000  # cells that are summed at a time


@evaluate_number.register
def _(value: DeliveryCount, evaluator: Evaluator) -> Grid:
    grid: Grid = evaluator.compute_once(value, lambda: _evaluate_deliveries(value, evaluator))
    return grid


@evaluate_number.register
def _(value: CampaignCost, evaluator: Evaluator) -> Grid:
    grid: Grid = evaluator.compute_once(value, lambda: _evaluate_cost(value, evaluator))
    return grid


def _evaluate_deliveries(value: DeliveryCount, evaluator: Evaluator) -> Grid:
    """Return prints, clicks or openings by cell."""
    (term,) = value.terms(evaluator.scope)
    if not _needs_shares(evaluator):
        return evaluator.sums.total(term, value.measure)
    parts = [_read_amounts(rows, rows.amounts(value.measure), evaluator) for rows in _read_rows(term, evaluator)]
    return _sum_amounts(parts, evaluator, 1)


def _evaluate_cost(value: CampaignCost, evaluator: Evaluator) -> Grid:
    """Return money by cell."""
    (term,) = value.terms(evaluator.scope)
    parts = [
        _read_amounts(rows, _to_int64(_compute_delivery_costs(rows, evaluator), evaluator), evaluator)
        for rows in _read_rows(term, evaluator)
    ]
    return _sum_amounts([*parts, _compute_fixed_costs(evaluator)], evaluator, _COST_DENOMINATOR)


def _needs_shares(evaluator: Evaluator) -> bool:
    return evaluator.has_scope(Scope.SITES) or evaluator.question.some_sites


def _read_rows(term: Term, evaluator: Evaluator) -> list[TermRows]:
    """Return the rows of deliveries; those that name no site are not by groups of sites: each site has its share."""
    dimensions = evaluator.dimensions
    if not evaluator.has_scope(Scope.SITES) or (len(dimensions) == 1 and dimensions[0].is_plain):
        return evaluator.reader.rows_of(term)
    return [
        *(_select_by_site(rows, is_named=True) for rows in evaluator.reader.rows_of(term)),
        *(_select_by_site(rows, is_named=False) for rows in evaluator.reader.rows_of(term, by_scope=False)),
    ]


def _select_by_site(rows: TermRows, *, is_named: bool) -> TermRows:
    """Return the rows that name a site, or those that name none."""
    sites = rows.table.column("site")
    flags = sites.is_valid() if is_named else sites.is_null()
    at = np.flatnonzero(flags.to_numpy())
    buckets = None if rows.buckets is None else rows.buckets[at]
    return replace(rows, table=rows.table.filter(flags), scope_values=rows.scope_values[at], buckets=buckets)


# -- amounts -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Amounts:
    """Amounts of campaigns, one per row.

    names: the campaigns by code.
    campaigns: codes of campaigns.
    has_site: whether the row names its site.
    scope_values: numbers of the scope values; not used for rows to share among sites.
    numbers, divisors: the amount of a row is its number over its divisor.
    """

    names: Sequence[str]
    campaigns: Ints
    has_site: Flags
    scope_values: Ints
    buckets: Ints
    numbers: Numerators
    divisors: Ints

    def select(self, rows: Ints | Flags) -> "_Amounts":
        """Return some of the rows."""
        return _Amounts(
            self.names,
            self.campaigns[rows],
            self.has_site[rows],
            self.scope_values[rows],
            self.buckets[rows],
            self.numbers[rows],
            self.divisors[rows],
        )


def _read_amounts(rows: TermRows, numbers: Numerators, evaluator: Evaluator) -> _Amounts:
    """Return one amount for each row, given the numbers."""
    codes, names = encode_texts(rows.table.column("campaign"))
    count = rows.table.num_rows
    has_site = (
        rows.table.column("site").is_valid().to_numpy().astype(np.bool_)
        if _needs_shares(evaluator)
        else np.ones(count, dtype=np.bool_)
    )
    return _Amounts(
        names=[name or "" for name in names],
        campaigns=codes,
        has_site=has_site,
        scope_values=rows.scope_values,
        buckets=np.zeros(count, dtype=np.int64) if rows.buckets is None else rows.buckets,
        numbers=numbers,
        divisors=np.ones(count, dtype=np.int64),
    )


def _compute_delivery_costs(rows: TermRows, evaluator: Evaluator) -> Numerators:
    """Return what the deliveries of each row cost."""
    codes, names = encode_texts(rows.table.column("campaign"))
    days = rows.integers("day")
    order = np.argsort(codes, kind="stable")
    ends = np.searchsorted(codes[order], np.arange(len(names) + 1))
    costs: Numerators = np.zeros(len(codes), dtype=object)
    for name, start, end in zip(names, ends[:-1], ends[1:], strict=True):
        at = order[start:end]
        for spending in _get_spendings(name or "", evaluator):
            if spending.kind in _MEASURE_OF_COST:
                measure, factor = _MEASURE_OF_COST[spending.kind]
                applicable = at[_applies_on(spending, days[at])]
                costs[applicable] += multiply(rows.amounts(measure)[applicable], spending.amount_micro * factor)
    return costs


def _to_int64(numbers: Numerators, evaluator: Evaluator) -> Numerators:
    """Convert Python integers to 64 bits, if the sum of all of them and of their shares still fits."""
    sharers = max(len(evaluator.question.active_sites), 1)
    return numbers.astype(np.int64) if int(np.abs(numbers).sum()) * sharers < SAFE else numbers


def _applies_on(spending: Spending, days: Ints) -> Flags:
    """Return whether a cost applies on each of these days."""
    after = spending.first is None or days >= spending.first
    before = spending.last is None or days <= spending.last
    return np.broadcast_to(np.logical_and(after, before), days.shape)


def _get_spendings(campaign: str, evaluator: Evaluator) -> tuple[Spending, ...]:
    record = evaluator.question.campaigns.get(campaign)
    return record.costs if record else ()


def _compute_fixed_costs(evaluator: Evaluator) -> _Amounts:
    """Return the fixed costs: one amount for each bucket that contains days of the cost."""
    names = [
        name
        for name in evaluator.question.campaigns
        if evaluator.reader.keeps_campaign(name) and name not in evaluator.question.unreached_campaigns
    ]
    codes, buckets, numbers, divisors = [], [], [], []
    for code, name in enumerate(names):
        for spending in _get_spendings(name, evaluator):
            for bucket, days, days_of_cost in _count_days_by_bucket(spending, evaluator):
                codes.append(code)
                buckets.append(bucket)
                numbers.append(spending.amount_micro * 1000 * days)
                divisors.append(days_of_cost)
    campaigns = np.array(codes, dtype=np.int64)
    amounts = _Amounts(
        names=names,
        campaigns=campaigns,
        has_site=np.full(len(campaigns), not _needs_shares(evaluator)),
        scope_values=np.zeros(len(campaigns), dtype=np.int64),
        buckets=np.array(buckets, dtype=np.int64),
        numbers=_to_int64(np.array(numbers, dtype=object), evaluator),
        divisors=np.array(divisors, dtype=np.int64),
    )
    if not evaluator.dimensions or evaluator.has_scope(Scope.SITES):
        return amounts
    rows, scope_values = evaluator.reader.number_values(range(len(evaluator.dimensions)), names).expand(campaigns)
    return replace(amounts.select(rows), scope_values=scope_values)


def _count_days_by_bucket(spending: Spending, evaluator: Evaluator) -> Iterator[tuple[int, int, int]]:
    """Yield each bucket with days of a fixed cost, the number of these days, and the number of days of the cost."""
    if spending.kind != "fixed" or spending.first is None or spending.last is None:
        return
    period = evaluator.question.period
    days = np.arange(max(spending.first, period.first), min(spending.last, period.last) + 1)
    days = select_days(days, evaluator.question)
    if evaluator.buckets:
        buckets = evaluator.buckets.of_day[days - period.first]
    else:
        buckets = np.zeros(len(days), dtype=np.int64)
    for bucket, count in zip(*np.unique(buckets, return_counts=True), strict=True):
        yield int(bucket), int(count), spending.last - spending.first + 1


# -- shares --------------------------------------------------------------------------------------------------------


def _sum_amounts(parts: Sequence[_Amounts], evaluator: Evaluator, denominator: int) -> Grid:
    """Sum amounts by cell; amounts without a site are shared among sites.

    By site, each site gets its share; by other scopes, a cell gets the shares of all of the question's sites.
    """
    if not _needs_shares(evaluator):
        grid = _sum_by_cell(parts, evaluator)
    elif evaluator.has_scope(Scope.SITES):
        grid = _sum_by_cell([part.select(part.has_site) for part in parts], evaluator)
        for part in parts:
            grid = grid.add(_spread_over_sites(part.select(~part.has_site), evaluator))
    else:
        grid = _sum_by_cell([_multiply_by_shares(part, evaluator) for part in parts], evaluator)
    return replace(grid, denominator=grid.denominator * denominator, is_integer=False)


def _sum_by_cell(parts: Sequence[_Amounts], evaluator: Evaluator) -> Grid:
    keys, numbers, divisors = [], [], []
    for part in parts:
        buckets = () if evaluator.buckets is None else (part.buckets,)
        for bucket in (*buckets, np.full(len(part.buckets), evaluator.width - 1)):
            keys.append(part.scope_values * evaluator.width + bucket)
            numbers.append(part.numbers)
            divisors.append(part.divisors)
    return sum_quotients(concatenate_numbers(keys), concatenate_numbers(numbers), concatenate_numbers(divisors))


def _spread_over_sites(part: _Amounts, evaluator: Evaluator) -> Grid:
    """Return the shares of amounts without a site by cell.

    Campaigns with the same sites (and, by campaign, too, with the same scope values) are summed first and spread
    together: most campaigns name no site and have all of them, and campaigns times days times sites would be many.
    """
    sites, width = frozenset(evaluator.question.places[PlaceRole.SITES]), evaluator.width
    sharers = _find_sharers(part, evaluator)
    values = _number_campaigns(part, evaluator)
    groups: dict[tuple[frozenset[str], tuple[int, ...]], int] = {}
    group_of_campaign = np.array(
        [groups.setdefault(each, len(groups)) for each in zip(sharers, values, strict=True)], dtype=np.int64
    )
    by_group = _sum_by_cell(
        [
            replace(
                part,
                scope_values=group_of_campaign[part.campaigns],
                divisors=part.divisors * _count_sharers(sharers)[part.campaigns],
            )
        ],
        evaluator,
    )
    grid = replace(EMPTY_GRID, denominator=by_group.denominator)
    keys: list[Ints] = []
    numbers: list[Numerators] = []
    for (sharing, campaign_values), group in groups.items():
        numbered = _number_sites(sorted(sharing & sites), campaign_values, evaluator)
        low, high = np.searchsorted(by_group.keys, (group * width, (group + 1) * width))
        evaluator.check_cells(len(numbered) * int(high - low))
        keys.append((numbered[:, np.newaxis] * width + by_group.keys[low:high] % width).ravel())
        numbers.append(np.tile(by_group.numerators[low:high], len(numbered)))
        if sum(map(len, keys)) > _BLOCK:
            grid = grid.add(sum_by_cell(concatenate_numbers(keys), concatenate_numbers(numbers), grid.denominator))
            keys, numbers = [], []
    return grid.add(sum_by_cell(concatenate_numbers(keys), concatenate_numbers(numbers), grid.denominator))


def _number_campaigns(part: _Amounts, evaluator: Evaluator) -> list[tuple[int, ...]]:
    """Return the numbers of each campaign by the dimension of campaigns; none without one beside that of sites."""
    levels = [level for level, dimension in enumerate(evaluator.dimensions) if dimension.scope in CAMPAIGN_SCOPES]
    if not levels:
        return [()] * len(part.names)
    numbers = evaluator.reader.number_values(levels, part.names)
    return [tuple(numbers.numbers[low:high].tolist()) for low, high in pairwise(numbers.offsets.tolist())]


def _number_sites(sites: Sequence[str], campaign_values: Sequence[int], evaluator: Evaluator) -> Ints:
    """Return the scope values of sites, with those of campaigns; a value of several sites occurs once for each."""
    if len(evaluator.dimensions) == 1 and evaluator.dimensions[0].is_plain:
        return np.array([evaluator.scope_values.number(site) for site in sites], dtype=np.int64)
    levels = [level for level, dimension in enumerate(evaluator.dimensions) if dimension.scope is Scope.SITES]
    by_site = evaluator.reader.number_values(levels, sites)
    if len(levels) == len(evaluator.dimensions):
        return by_site.numbers
    pairs = []
    for campaign_value in campaign_values:
        partners = np.full(len(by_site.numbers), campaign_value, dtype=np.int64)
        pairs.append(evaluator.reader.combine(levels[0], by_site.numbers, partners))
    numbers = concatenate_numbers(pairs)
    return numbers[numbers >= 0]


def _multiply_by_shares(part: _Amounts, evaluator: Evaluator) -> _Amounts:
    """Reduce the amounts without a site to the shares of the question's sites."""
    sites = frozenset(evaluator.question.places[PlaceRole.SITES])
    sharers = _find_sharers(part, evaluator)
    shares = np.array([len(sharing & sites) for sharing in sharers], dtype=np.int64)[part.campaigns]
    counts = _count_sharers(sharers)[part.campaigns]
    return replace(
        part,
        numbers=multiply_pairs(part.numbers, np.where(part.has_site, 1, shares)),
        divisors=part.divisors * np.where(part.has_site, 1, counts),
    )


def _find_sharers(part: _Amounts, evaluator: Evaluator) -> list[frozenset[str]]:
    """Return the sites that share the amounts of each campaign."""
    active = frozenset(evaluator.question.active_sites)
    return [find_sharers(evaluator.question.campaigns.get(name), active) for name in part.names]


def _count_sharers(sharers: Sequence[frozenset[str]]) -> Ints:
    return np.array([max(len(sharing), 1) for sharing in sharers], dtype=np.int64)
