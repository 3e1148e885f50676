"""Affinity: which points of interest the visitors of sites are seen at more often than others."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from okube_api.catalogue.expressions.values import Affinity, Scope
from okube_api.catalogue.weights import WEIGHT_UNIT
from okube_api.engine.evaluator import Evaluator, ValueNumbers
from okube_api.engine.grid import Grid, sum_by_cell
from okube_api.engine.results import Leaf, round_amounts, round_ratios
from okube_api.engine.sets import UserGroups, merge_groups
from okube_api.store.arrays import Flags, Ints


@dataclass(frozen=True, slots=True)
class AffinityResults:
    """One item for each point of interest that somebody of the reference was seen at; the most visitors first.

    visitors: by cell; both: visitors also seen at an item, by `cell * size + item`.
    there, reference: by bucket (`bucket * size + item`, `bucket`), the same for every scope value.
    """

    visitors: Grid
    both: Grid
    there: Grid
    reference: Grid
    size: int
    width: int
    items: tuple[tuple[str, str], ...]
    by_scope: bool

    @property
    def keys(self) -> Ints:
        return self.visitors.keys if self.by_scope else np.union1d(self.visitors.keys, self.there.keys // self.size)

    def leaves_at(self, keys: Ints) -> list[Leaf]:
        return [self._leaf(int(key)) for key in keys]

    def _leaf(self, key: int) -> dict[str, Any]:
        bucket = key % self.width if key >= 0 else -1
        everyone, visitors = self.reference.values_at(np.array([bucket])), self.visitors.values_at(np.array([key]))
        items = np.arange(len(self.items))
        there = self.there.values_at(np.where(bucket < 0, -1, bucket * self.size + items))
        items, there = items[there != 0], there[there != 0]
        both = self.both.values_at(key * self.size + items)
        rows = zip(
            both.tolist(),
            (self.items[item] for item in items),
            round_amounts(both, self.both),
            round_ratios(both, np.full(len(items), visitors[0])),
            round_ratios(there, np.full(len(items), everyone[0])),
            round_ratios(both.astype(object) * int(everyone[0]) * 100, there.astype(object) * int(visitors[0])),
            strict=True,
        )
        return {
            "items": [
                {"poi": poi, "key": label, "visitors": count, "share": share, "referenceShare": other, "index": index}
                for _, (poi, label), count, share, other, index in sorted(rows, key=lambda row: (-row[0], row[1][0]))
            ],
            "visitors": round_amounts(visitors, self.visitors)[0],
        }


def evaluate_affinity(value: Affinity, view: Evaluator) -> AffinityResults:
    """The leaves of an affinity, in a view."""
    items = ValueNumbers()
    visitors = list(view.people((value.visitors,)))
    there = [batch for rows in view.memberships((value.poi_visitors,), items) for batch in merge_groups(rows)]
    size = max(len(items.values), 1)

    def cells(parts: list[tuple[Ints, Ints]]) -> Grid:
        weighted = view.weighted(value.visitors)
        keys = [np.zeros(0, dtype=np.int64), *(key for key, _ in parts)]
        numbers = [np.zeros(0, dtype=np.int64), *(number for _, number in parts)]
        return sum_by_cell(np.concatenate(keys), np.concatenate(numbers), WEIGHT_UNIT if weighted else 1, not weighted)

    def weighed(groups: UserGroups, flags: Flags | None = None) -> Ints:
        weights = view.weights(value.visitors, groups)
        return groups.sums(weights if flags is None else weights * flags[groups.users])

    in_bucket = _by_bucket(visitors, view.width)
    users = 1 + max((int(batch.users.max()) for batch in (*visitors, *there) if len(batch.users)), default=0)
    both = []
    for key, members in ((key, members) for batch in there for key, members in batch.rows()):
        item, bucket = divmod(key, view.width)
        flags = np.zeros(users, dtype=np.bool_)
        flags[members] = True
        both += [(rows.keys * size + item, weighed(rows, flags)) for rows in in_bucket.get(bucket, ())]
    labels = view.question.labels
    return AffinityResults(
        visitors=cells([(batch.keys, weighed(batch)) for batch in visitors]),
        both=cells(both),
        there=cells([(batch.keys % view.width * size + batch.keys // view.width, weighed(batch)) for batch in there]),
        reference=view.count((value.reference_users,)),
        size=size,
        width=view.width,
        items=tuple((poi, labels[poi].key) for poi in items.values),
        by_scope=view.scope is not Scope.GLOBALS,
    )


def _by_bucket(batches: list[UserGroups], width: int) -> dict[int, list[UserGroups]]:
    """The rows of each bucket, the whole period being one."""
    found: dict[int, list[UserGroups]] = {}
    for batch in batches:
        buckets = batch.keys % width
        for bucket in np.unique(buckets):
            found.setdefault(int(bucket), []).append(batch.select_rows(np.flatnonzero(buckets == bucket)))
    return found
