"""The areas that people were seen in, by cell: which are the busiest, and who was in each."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from okube_api.catalogue.expressions.values import UserSet
from okube_api.engine.evaluator import Evaluator, ValueNumbers
from okube_api.engine.results import key_and_label
from okube_api.engine.sets import Numbers, UserGroups, concatenate
from okube_api.store.arrays import Ints


@dataclass(frozen=True)
class AreaUsers:
    """Distinct users by cell and area.

    groups: at `cell * size + area`, ascending.  names: what each area is called in answers.
    most: how many areas of a cell count, those of the most users.
    """

    groups: UserGroups
    size: int
    names: tuple[str, ...]
    most: int

    @classmethod
    def of(cls, term: UserSet, view: Evaluator, most: int, items: ValueNumbers) -> "AreaUsers":
        """Those of a term, in a view; `items` numbers the areas."""
        batches, size = view.people_at(term, items)
        groups = concatenate(batches)
        labels = view.question.labels
        names = tuple(key_and_label(labels, item)[0] for item in items.values)
        return cls(groups.select_rows(np.argsort(groups.keys)), size, names, most)

    @property
    def cells(self) -> Ints:
        """The cells in which anybody was seen."""
        return np.unique(self.groups.keys // self.size)

    @cached_property
    def ranks(self) -> Ints:
        """Where each area's name stands in the order of the names."""
        ranks = np.empty(len(self.names), dtype=np.int64)
        ranks[sorted(range(len(self.names)), key=self.names.__getitem__)] = np.arange(len(self.names))
        return ranks

    def busiest(self, cell: int) -> tuple[Ints, list[Numbers]]:
        """The areas that count, the one of the most users first (ties by name), and the users of each."""
        low, high = np.searchsorted(self.groups.keys, (cell * self.size, (cell + 1) * self.size))
        areas = self.groups.keys[low:high] - cell * self.size
        users = self.groups.offsets[low + 1 : high + 1] - self.groups.offsets[low:high]
        chosen = np.lexsort((self.ranks[areas], -users))[: self.most]
        chosen = chosen[users[chosen] > 0]
        bounds = self.groups.offsets
        return areas[chosen], [self.groups.users[bounds[low + at] : bounds[low + at + 1]] for at in chosen]
