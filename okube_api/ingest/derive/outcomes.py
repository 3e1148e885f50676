"""Visits with what was bought on them, and purchases without a visit."""

from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from okube_api.ingest.columns.columns import (
    Span,
    count_by_group,
    mark_group_starts,
    sort_order,
    to_codes,
    to_days_of_places,
    to_integers,
)
from okube_api.store.arrays import Codes, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """In order of these columns; site is an index into the sites by `_id`, at in ms, UTC.  visit: 1, or 0 without."""

    day: Ints
    site: Codes
    user: Ints
    at_ms: Ints
    visit: Ints
    purchase_count: Ints
    revenue_micro: Ints

    def take(self, which: NDArray[np.generic] | slice) -> "Outcomes":
        """Some of them."""
        return Outcomes(*(getattr(self, field.name)[which] for field in fields(self)))

    def __add__(self, other: "Outcomes") -> "Outcomes":
        """All of both, in order."""
        pairs = ((getattr(self, field.name), getattr(other, field.name)) for field in fields(self))
        columns = [np.concatenate(pair) for pair in pairs]
        return Outcomes(*columns).take(sort_order(*columns))


def derive_outcomes(visits: pa.Table, purchases: pa.Table, sites: pa.Table, span: Span) -> Outcomes:
    """The outcomes of some local days.

    visits: (user, site, at); purchases: (user, site, at, amount_micro); sites: (site, zone) in order of `_id`.
    A purchase belongs to the latest visit up to it (its own instant included) of its user, site and local day.
    """
    came, bought = _placed(visits, sites, span), _placed(purchases, sites, span)
    owner = _owners(came, bought)
    owned, size = owner >= 0, len(came.day)
    revenue = np.zeros(size, np.int64)
    np.add.at(revenue, owner[owned], bought.revenue_micro[owned])
    visited = Outcomes(
        came.day, came.site, came.user, came.at_ms, came.visit, count_by_group(owner[owned], size), revenue
    )
    return visited + bought.take(~owned)


def _placed(events: pa.Table, sites: pa.Table, span: Span) -> Outcomes:
    """Each event as an outcome of its own; those of other days, or of sites that are not there, left out."""
    site, at = to_codes(events["site"], sites["site"].to_pylist()), to_integers(events["at"])
    day = to_days_of_places(at, site, sites["zone"].to_pylist())
    there = np.flatnonzero((site >= 0) & (day >= span[0]) & (day <= span[1]))
    bought = "amount_micro" in events.column_names
    purchases = np.full(len(there), int(bought), np.int64)
    revenue = to_integers(events["amount_micro"])[there] if bought else np.zeros(len(there), np.int64)
    return Outcomes(
        day[there], site[there], to_integers(events["user"])[there], at[there], 1 - purchases, purchases, revenue
    )


def _owners(came: Outcomes, bought: Outcomes) -> Ints:
    """The visit that each purchase belongs to, -1 without."""
    size = len(came.day)
    user, site, day, at = (
        np.concatenate((getattr(came, name), getattr(bought, name))) for name in ("user", "site", "day", "at")
    )
    is_purchase = np.arange(len(at)) >= size
    by = sort_order(user, site, day, at, is_purchase.astype(np.int8))
    group = np.cumsum(mark_group_starts(user[by], site[by], day[by]))
    latest = np.maximum.accumulate(np.where(is_purchase[by], -1, np.arange(len(by))))
    belongs = (latest >= 0) & (group[latest] == group)
    owner = np.empty(len(by), np.int64)
    owner[by] = np.where(belongs, by[latest], -1)
    return owner[size:]
