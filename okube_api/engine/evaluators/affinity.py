"""Evaluates affinity: which POIs the visitors of sites are seen at more often than other users."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from okube_api.catalogue.expressions.affinity import Affinity
from okube_api.catalogue.scopes import ATTRIBUTES
from okube_api.catalogue.weights import WEIGHT_UNIT
from okube_api.engine.evaluate import evaluate
from okube_api.engine.evaluator import Evaluator
from okube_api.engine.grid import Grid, sum_by_cell
from okube_api.engine.leaf_columns import Leaf
from okube_api.engine.results import Results, build_leaves, round_amounts, round_ratios
from okube_api.engine.sets import UserGroups, merge_groups
from okube_api.engine.value_numbers import ValueNumbers
from okube_api.store.arrays import Flags, Ints
from okube_api.store.exact_integers import concatenate_numbers
from okube_api.threads import check_stopped


@evaluate.register
def _(value: Affinity, evaluator: Evaluator) -> Results:
    items, width = ValueNumbers(), evaluator.width
    by_area = any(dimension.scope in ATTRIBUTES for dimension in evaluator.dimensions)
    if len(evaluator.dimensions) == 1 and evaluator.dimensions[0].is_plain:
        for named in evaluator.question.named_values.get(evaluator.scope, ()):
            evaluator.scope_values.number(named)  # it is in the answer with every POI, also without visitors
    visitors = list(evaluator.users.distinct_users((value.visitors,)))
    poi_visitors = [
        batch for groups in evaluator.users.memberships((value.poi_visitors,), items) for batch in merge_groups(groups)
    ]
    size = max(len(items.values), 1)
    weighted = evaluator.question.is_weighted(value.visitors)

    def to_grid(parts: list[tuple[Ints, Ints]]) -> Grid:
        keys = concatenate_numbers([key for key, _ in parts])
        numbers = concatenate_numbers([number for _, number in parts])
        return sum_by_cell(keys, numbers, WEIGHT_UNIT if weighted else 1, not weighted)

    def weigh(groups: UserGroups, flags: Flags | None = None) -> tuple[Ints, Ints]:
        """Return the cells of groups and the weight of the flagged users in them; by area, user by user."""
        if by_area:
            if flags is not None:
                groups = groups.filter_users(flags[groups.users])
            cells, positions = evaluator.users.locate_users(groups)
            return cells, evaluator.users.weights(value.visitors, groups)[positions]
        weights = evaluator.users.weights(value.visitors, groups)
        return groups.keys, groups.sums(weights if flags is None else weights * flags[groups.users])

    def weigh_poi_visitors(groups: UserGroups) -> tuple[Ints, Ints]:
        item, bucket = np.divmod(groups.keys, width)
        if not by_area:
            cells, weights = weigh(replace(groups, keys=bucket))
            return cells * size + item, weights
        cells, positions = evaluator.users.locate_users(replace(groups, keys=bucket))
        items_of_users = np.repeat(item, groups.lengths)[positions]
        return cells * size + items_of_users, evaluator.users.weights(value.visitors, groups)[positions]

    visitors_by_bucket = _split_by_bucket(visitors, width)
    evaluator.check_cells(sum(len(batch.keys) for batch in visitors) * len(items.values))
    users = 1 + max((int(batch.users.max()) for batch in (*visitors, *poi_visitors) if len(batch.users)), default=0)
    seen_at_poi = []
    for key, members in ((key, members) for batch in poi_visitors for key, members in batch.rows()):
        check_stopped()
        item, bucket = divmod(key, width)
        flags = np.zeros(users, dtype=np.bool_)
        flags[members] = True
        for groups in visitors_by_bucket.get(bucket, ()):
            cells, weights = weigh(groups, flags)
            seen_at_poi.append((cells * size + item, weights))
    labels = evaluator.question.labels
    return AffinityResults(
        visitors=to_grid([weigh(batch) for batch in visitors]),
        seen_at_poi=to_grid(seen_at_poi),
        poi_visitors=to_grid([weigh_poi_visitors(batch) for batch in poi_visitors]),
        reference_users=evaluator.users.count((value.reference_users,)),
        size=size,
        width=width,
        items=tuple((poi, labels[poi].key) for poi in items.values),
        by_scope=bool(evaluator.dimensions),
        by_area=by_area,
    )


def _split_by_bucket(batches: list[UserGroups], width: int) -> dict[int, list[UserGroups]]:
    """Return the groups of each bucket; the whole period is the last bucket."""
    by_bucket: dict[int, list[UserGroups]] = {}
    for batch in batches:
        buckets = batch.keys % width
        for bucket in np.unique(buckets):
            by_bucket.setdefault(int(bucket), []).append(batch.select_rows(np.flatnonzero(buckets == bucket)))
    return by_bucket


@dataclass(frozen=True, slots=True)
class AffinityResults:
    """One item for each POI that a user of the reference was seen at; the most visitors first.

    visitors: by cell.
    seen_at_poi: visitors also seen at an item, by `cell * size + item`.
    poi_visitors, reference_users: by bucket (`bucket * size + item`, `bucket`), the same for every scope value; by
        cell when they are of one area.
    items: `_id` and key of each POI.
    """

    visitors: Grid
    seen_at_poi: Grid
    poi_visitors: Grid
    reference_users: Grid
    size: int
    width: int
    items: tuple[tuple[str, str], ...]
    by_scope: bool
    by_area: bool

    @property
    def keys(self) -> Ints:
        """The cells that have data, ascending."""
        if self.by_scope:
            return self.visitors.keys
        return np.union1d(self.visitors.keys, self.poi_visitors.keys // self.size)

    def count_values(self) -> int:
        """Return the number of values in the leaves of all cells that have data."""
        return len(self.keys) * max(len(self.items), 1)

    def leaves_at(self, keys: Ints) -> list[Leaf]:
        """Return the leaves of these cells; cell -1 is an empty one."""
        return build_leaves(self._leaf, keys)

    def _leaf(self, key: int) -> dict[str, Any]:
        reference_key = key if key < 0 or self.by_area else key % self.width
        reference, visitors = (
            self.reference_users.values_at(np.array([reference_key])),
            self.visitors.values_at(np.array([key])),
        )
        items = np.arange(len(self.items))
        at_poi = self.poi_visitors.values_at(np.where(reference_key < 0, -1, reference_key * self.size + items))
        items, at_poi = items[at_poi != 0], at_poi[at_poi != 0]
        counts = self.seen_at_poi.values_at(key * self.size + items)
        rows = zip(
            counts.tolist(),
            (self.items[item] for item in items),
            round_amounts(counts, self.seen_at_poi),
            round_ratios(counts, np.full(len(items), visitors[0])),
            round_ratios(at_poi, np.full(len(items), reference[0])),
            round_ratios(counts.astype(object) * int(reference[0]) * 100, at_poi.astype(object) * int(visitors[0])),
            strict=True,
        )
        return {
            "items": [
                {"poi": poi, "key": label, "visitors": count, "share": share, "referenceShare": other, "index": index}
                for _, (poi, label), count, share, other, index in sorted(rows, key=lambda row: (-row[0], row[1][0]))
            ],
            "visitors": round_amounts(visitors, self.visitors)[0],
        }
