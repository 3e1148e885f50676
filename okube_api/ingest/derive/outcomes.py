"""Derives outcomes (visits with their purchases, and purchases without a visit), and purchases with their outcomes."""

from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from okube_api.ingest.columns.columns import (
    DayRange,
    count_by_group,
    mark_group_starts,
    sort_order,
    to_codes,
    to_days_of_places,
    to_integers,
)
from okube_api.store.arrays import Codes, Ints
from okube_api.store.exact_integers import Numerators, sum_by_position


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """Outcomes, one array element per outcome, sorted by these columns from the first to the last.

    site: an index into the sites by `_id`.  at_ms: UTC.  visit: 1, or 0 for a purchase without a visit.
    """

    day: Ints
    site: Codes
    user: Ints
    at_ms: Ints
    visit: Ints
    purchase_count: Ints
    revenue_micro: Numerators

    def take(self, which: NDArray[np.generic] | slice) -> "Outcomes":
        """Return the outcomes that an index, a mask or a slice selects."""
        return Outcomes(*(getattr(self, field.name)[which] for field in fields(self)))

    def append(self, other: "Outcomes") -> tuple["Outcomes", Ints]:
        """Return the outcomes of both, sorted, and the position there of each of these and then of the others."""
        pairs = ((getattr(self, field.name), getattr(other, field.name)) for field in fields(self))
        columns = [np.concatenate(pair) for pair in pairs]
        by = sort_order(*columns)
        positions = np.empty(len(by), np.int64)
        positions[by] = np.arange(len(by))
        return Outcomes(*columns).take(by), positions


@dataclass(frozen=True, slots=True, eq=False)
class Purchases:
    """Purchases and refunds, one array element each, in order of their outcomes, then of time and amount.

    outcome: the index of the outcome that each belongs to; it has the purchase's day, site and user.
    at_ms: UTC.  amount_micro: negative for a refund.
    """

    outcome: Ints
    at_ms: Ints
    amount_micro: Ints

    def of_outcomes(self, part: slice) -> "Purchases":
        """Return the purchases of the outcomes of a slice, with indices into the slice."""
        low, high = np.searchsorted(self.outcome, (part.start, part.stop))
        return Purchases(self.outcome[low:high] - part.start, self.at_ms[low:high], self.amount_micro[low:high])


def derive_outcomes(
    visits: pa.Table, purchases: pa.Table, sites: pa.Table, span: DayRange
) -> tuple[Outcomes, Purchases]:
    """Return the outcomes of the local days of `span`, and their purchases.

    visits: (user, site, at).  purchases: (user, site, at, amount_micro).  sites: (site, timezone) by `_id`.
    A purchase belongs to the latest visit of its user, site and local day at or before the purchase.
    A refund (negative amount) is placed like a purchase, but does not count as one.
    """
    visited, bought = _index_events(visits, sites, span), _index_events(purchases, sites, span)
    visit = _match_purchases(visited, bought)
    has_visit, size = visit >= 0, len(visited.day)
    revenue = sum_by_position(visit[has_visit], bought.revenue_micro[has_visit], size)
    purchase_count = count_by_group(visit[has_visit & (bought.purchase_count > 0)], size)
    of_visits = Outcomes(visited.day, visited.site, visited.user, visited.at_ms, visited.visit, purchase_count, revenue)
    outcomes, positions = of_visits.append(bought.take(~has_visit))
    outcome = positions[np.where(has_visit, visit, size + np.cumsum(~has_visit) - 1)]
    by = sort_order(outcome, bought.at_ms, bought.revenue_micro)
    return outcomes, Purchases(outcome[by], bought.at_ms[by], bought.revenue_micro[by])


def _index_events(events: pa.Table, sites: pa.Table, span: DayRange) -> Outcomes:
    """Return one outcome per event; events on other days and at unknown sites are left out."""
    site, at_ms = to_codes(events["site"], sites["site"].to_pylist()), to_integers(events["at"])
    day = to_days_of_places(at_ms, site, sites["timezone"].to_pylist())
    numbers = np.flatnonzero((site >= 0) & (day >= span[0]) & (day <= span[1]))
    are_purchases = "amount_micro" in events.column_names
    revenue = to_integers(events["amount_micro"])[numbers] if are_purchases else np.zeros(len(numbers), np.int64)
    is_visit = np.full(len(numbers), int(not are_purchases), np.int64)
    purchases = (are_purchases & (revenue >= 0)).astype(np.int64)
    user = to_integers(events["user"])[numbers]
    return Outcomes(day[numbers], site[numbers], user, at_ms[numbers], is_visit, purchases, revenue)


def _match_purchases(visited: Outcomes, bought: Outcomes) -> Ints:
    """Return the index of the visit that each purchase belongs to, -1 for a purchase without a visit."""
    size = len(visited.day)
    user, site, day, at_ms = (
        np.concatenate((getattr(visited, name), getattr(bought, name))) for name in ("user", "site", "day", "at_ms")
    )
    is_purchase = np.arange(len(at_ms)) >= size
    # Sorted by time, with visits before purchases of the same instant, a purchase belongs to the last visit before it.
    by = sort_order(user, site, day, at_ms, is_purchase.astype(np.int8))
    group = np.cumsum(mark_group_starts(user[by], site[by], day[by]))
    last_visit = np.maximum.accumulate(np.where(is_purchase[by], -1, np.arange(len(by))))
    belongs = (last_visit >= 0) & (group[last_visit] == group)
    visit = np.empty(len(by), np.int64)
    visit[by] = np.where(belongs, by[last_visit], -1)
    return visit[size:]
