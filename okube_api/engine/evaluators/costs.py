"""What campaigns deliver and cost, by cell, and how sites share what is known of the whole campaign only.

A campaign's delivery or cost that names no site is shared evenly by the campaign's sites, or by every site when it
is global or none of its own is left: sites always add up to the whole.  A question that looks at all of them needs no
shares.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from okube_api.catalogue.expressions.conversion import CampaignCost, DeliveryCount
from okube_api.catalogue.expressions.values import PlaceRole, Scope
from okube_api.catalogue.facts import CLICKS, OPENINGS, PRINTS
from okube_api.engine.evaluator import Evaluator, TermRows
from okube_api.engine.evaluators.campaigns import OF_CAMPAIGNS, CampaignRecord, Spending, ValuesByCode, encode_texts
from okube_api.engine.grid import Grid, Numerators, multiply, sum_quotients
from okube_api.store.arrays import Flags, Ints

_SAFE = 2**62
_PER = 1_000_000_000  # costs are counted in thousandths of a millionth: a thousandth is a print at a cost per thousand
_FOLLOWED = {"cpm": (PRINTS, 1), "cpc": (CLICKS, 1000), "cpo": (OPENINGS, 1000)}


@dataclass(frozen=True, slots=True)
class _Amounts:
    """Amounts of campaigns, one a row.

    campaigns: codes into `names`.  sited: whether the row names its site.
    values: numbers of the scope values, where these are not sites, or the row names one.
    """

    names: Sequence[str]
    campaigns: Ints
    sited: Flags
    values: Ints
    buckets: Ints
    numbers: Numerators
    divisors: Ints

    def taken(self, rows: Ints | Flags) -> "_Amounts":
        """Some of the rows."""
        return _Amounts(
            self.names,
            self.campaigns[rows],
            self.sited[rows],
            self.values[rows],
            self.buckets[rows],
            self.numbers[rows],
            self.divisors[rows],
        )

    def and_those(self, other: "_Amounts") -> "_Amounts":
        """These and others of the same campaigns."""
        return _Amounts(
            self.names,
            np.concatenate((self.campaigns, other.campaigns)),
            np.concatenate((self.sited, other.sited)),
            np.concatenate((self.values, other.values)),
            np.concatenate((self.buckets, other.buckets)),
            np.concatenate((self.numbers, other.numbers)),
            np.concatenate((self.divisors, other.divisors)),
        )


def evaluate_deliveries(value: DeliveryCount, view: Evaluator) -> Grid:
    """Prints, clicks or openings by cell."""
    (term,) = value.terms(view.scope)
    if not _shares(view):
        return view.total(term, value.measure)
    parts = [_read(rows, rows.amounts(value.measure), view) for rows in view.placed(term)]
    return _added(parts, view, 1)


def evaluate_cost(value: CampaignCost, view: Evaluator) -> Grid:
    """Money spent by cell."""
    (term,) = value.terms(view.scope)
    parts = [_read(rows, _fitting(_following(rows, view), view), view) for rows in view.placed(term)]
    return _added([*parts, _fixed(view)], view, _PER)


def _shares(view: Evaluator) -> bool:
    return view.scope is Scope.SITES or view.question.some_sites


# -- amounts -------------------------------------------------------------------------------------------------------


def _read(rows: TermRows, numbers: Numerators, view: Evaluator) -> _Amounts:
    """Amounts of rows that were read."""
    codes, names = encode_texts(rows.table.column("campaign"))
    count = rows.table.num_rows
    sited = (
        rows.table.column("site").is_valid().to_numpy().astype(np.bool_)
        if _shares(view)
        else np.ones(count, dtype=np.bool_)
    )
    buckets = np.zeros(count, dtype=np.int64) if rows.buckets is None else rows.buckets
    return _Amounts(
        [name or "" for name in names], codes, sited, rows.values, buckets, numbers, np.ones(count, dtype=np.int64)
    )


def _following(rows: TermRows, view: Evaluator) -> Numerators:
    """What each row's deliveries cost."""
    codes, names = encode_texts(rows.table.column("campaign"))
    days = rows.integers("day")
    order = np.argsort(codes, kind="stable")
    ends = np.searchsorted(codes[order], np.arange(len(names) + 1))
    found: Numerators = np.zeros(len(codes), dtype=object)
    for name, start, end in zip(names, ends[:-1], ends[1:], strict=True):
        at = order[start:end]
        for spending in _spendings(view, name or ""):
            if spending.kind in _FOLLOWED:
                measure, factor = _FOLLOWED[spending.kind]
                inside = at[_held(spending, days[at])]
                found[inside] += multiply(rows.amounts(measure)[inside], spending.amount_micro * factor)
    return found


def _fitting(numbers: Numerators, view: Evaluator) -> Numerators:
    """The same in 64 bits, where they and their shares still fit when all are added up."""
    shared = max(len(view.question.sharers), 1)
    return numbers.astype(np.int64) if int(np.abs(numbers).sum()) * shared < _SAFE else numbers


def _held(spending: Spending, days: Ints) -> Flags:
    """Whether a cost holds on these days."""
    after = spending.first is None or days >= spending.first
    before = spending.last is None or days <= spending.last
    return np.broadcast_to(np.logical_and(after, before), days.shape)


def _spendings(view: Evaluator, campaign: str) -> tuple[Spending, ...]:
    known = view.question.campaigns.get(campaign)
    return known.costs if known else ()


def _fixed(view: Evaluator) -> _Amounts:
    """Fixed costs, an amount for each bucket that some of their days fall in."""
    names = [name for name in view.question.campaigns if view.keeps(name)]
    codes, buckets, numbers, divisors = [], [], [], []
    for code, name in enumerate(names):
        for spending in _spendings(view, name):
            for bucket, days, length in _spread(spending, view):
                codes.append(code)
                buckets.append(bucket)
                numbers.append(spending.amount_micro * 1000 * days)
                divisors.append(length)
    ours = np.array(codes, dtype=np.int64)
    found = _Amounts(
        names,
        ours,
        np.full(len(ours), not _shares(view)),
        np.zeros(len(ours), dtype=np.int64),
        np.array(buckets, dtype=np.int64),
        _fitting(np.array(numbers, dtype=object), view),
        np.array(divisors, dtype=np.int64),
    )
    if view.scope not in OF_CAMPAIGNS:
        return found
    rows, values = view.belonging(names).expand(ours)
    return replace(found.taken(rows), values=values)


def _spread(spending: Spending, view: Evaluator) -> Iterator[tuple[int, int, int]]:
    """Each bucket with days of a fixed cost: how many they are there, and how many the cost has in all."""
    if spending.kind != "fixed" or spending.first is None or spending.last is None:
        return
    period, weekdays = view.question.period, view.question.weekdays
    days = np.arange(max(spending.first, period.first), min(spending.last, period.last) + 1)
    if weekdays is not None:
        days = days[np.isin((days + 2) % 7 + 1, weekdays)]
    buckets = view.buckets.of_day[days - period.first] if view.buckets else np.zeros(len(days), dtype=np.int64)
    for bucket, count in zip(*np.unique(buckets, return_counts=True), strict=True):
        yield int(bucket), int(count), spending.last - spending.first + 1


# -- shares --------------------------------------------------------------------------------------------------------


def _added(parts: Sequence[_Amounts], view: Evaluator, per: int) -> Grid:
    """Amounts by cell, those without a site shared."""
    shared = [_shared(part, view) for part in parts] if _shares(view) else list(parts)
    keys, numbers, divisors = [], [], []
    for part in shared:
        buckets = () if view.buckets is None else (part.buckets,)
        for bucket in (*buckets, np.full(len(part.buckets), view.width - 1)):
            keys.append(part.values * view.width + bucket)
            numbers.append(part.numbers)
            divisors.append(part.divisors)
    found = sum_quotients(_joined(keys), _joined(numbers), _joined(divisors))
    return replace(found, denominator=found.denominator * per, is_integer=False)


def _shared(part: _Amounts, view: Evaluator) -> _Amounts:
    """The amounts with those of no site shared: to each site its part, or to the cell that of its sites."""
    reached = frozenset(view.question.places[PlaceRole.SITES])
    sharers = [_sharers(view, name) for name in part.names]
    among = np.array([max(len(one), 1) for one in sharers], dtype=np.int64)
    alone, own = part.taken(~part.sited), part.taken(part.sited)
    alone = replace(alone, divisors=alone.divisors * among[alone.campaigns])
    if view.scope is Scope.SITES:
        ours = ValuesByCode.from_lists([view.names.number(site) for site in sorted(one & reached)] for one in sharers)
        rows, values = ours.expand(alone.campaigns)
        alone = replace(alone.taken(rows), values=values)
    else:
        counts = np.array([len(one & reached) for one in sharers], dtype=np.int64)
        alone = replace(alone, numbers=alone.numbers * counts[alone.campaigns])
    return own.and_those(alone)


def _sharers(view: Evaluator, campaign: str) -> frozenset[str]:
    """The sites that share what names none."""
    everyone = frozenset(view.question.sharers)
    known: CampaignRecord | None = view.question.campaigns.get(campaign)
    return everyone if known is None or known.sites is None else everyone.intersection(known.sites) or everyone


def _joined(parts: Sequence[Numerators]) -> Numerators:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)
