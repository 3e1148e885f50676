"""The areas that people were seen in, by cell: which are the busiest, and who was in each."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from okube_api.catalogue.expressions.values import Users
from okube_api.engine.evaluator import Names, View
from okube_api.engine.results import label_of
from okube_api.engine.sets import Groups, Numbers, joined
from okube_api.store.arrays import Ints


@dataclass(frozen=True)
class Areas:
    """Distinct users by cell and area.

    groups: at `cell * size + area`, ascending.  names: what each area is called in answers.
    most: how many areas of a cell count, those of the most users.
    """

    groups: Groups
    size: int
    names: tuple[str, ...]
    most: int

    @classmethod
    def of(cls, term: Users, view: View, most: int, items: Names) -> "Areas":
        """Those of a term, in a view; `items` numbers the areas."""
        batches, size = view.people_at(term, items)
        groups = joined(batches)
        labels = view.question.labels
        names = tuple(label_of(labels, item)[0] for item in items.list)
        return cls(groups.taken(np.argsort(groups.keys)), size, names, most)

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
