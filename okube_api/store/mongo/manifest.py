"""Which generation of each partition is current: immutable lists, one a table, that one small document points to.

A row's `pg` holds its generation and its part, so that what is visible is a few ranges of one number.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from okube_api.store.plan_analysis import FIRST_PART, LAST_PART
from okube_api.store.ranges import find_ranges
from okube_api.store.values import Json

_SHIFT, _OFFSET = 32, 2**31
_FEW_RANGES = 8


def pg(generation: int, part: int) -> int:
    """The number that rows of one partition's generation carry."""
    return (generation << _SHIFT) + part + _OFFSET


def whole(generation: int) -> tuple[int, int]:
    """The range of everything written under a generation."""
    return pg(generation, FIRST_PART), pg(generation, LAST_PART)


@dataclass(frozen=True, slots=True)
class Manifest:
    """The current generations of one table.

    parts: part -> (generation, rows).  On a packed table: what last replaced the part whole; blocks of an older
        generation in it are gone.
    batches: (batch, generation) of what was appended to a packed table.
    """

    parts: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    batches: frozenset[tuple[int, int]] = frozenset()

    def visible(self, low: int, high: int) -> Json:
        """What the visible rows of the parts in [low, high] have in common, as a `$match`."""
        pairs = [(part, self.parts[part][0]) for part in sorted(self.parts) if low <= part <= high]
        found = find_ranges(pg(generation, part) for part, generation in pairs)
        if len(found) > _FEW_RANGES:
            return {"pg": {"$in": [pg(generation, part) for part, generation in pairs]}}
        ranges = [{"pg": {"$gte": first, "$lte": last}} for first, last in found]
        return {"pg": {"$in": []}} if not ranges else ranges[0] if len(ranges) == 1 else {"$or": ranges}

    def rows(self, low: int, high: int) -> int:
        """How many rows these parts hold."""
        return sum(count for part, (_, count) in self.parts.items() if low <= part <= high)

    def shows(self, block: Mapping[str, Any]) -> bool:
        """Whether a block of a packed table is current."""
        generation = int(block["pg"]) >> _SHIFT
        since = self.parts.get(block["part"], (0, 0))[0]
        return generation == since or (generation > since and (block["batch"], generation) in self.batches)

    def replaced(self, parts: Iterable[int], generation: int, rows: Mapping[int, int], *, packed: bool) -> "Manifest":
        """With these parts under a new generation; an empty one of a plain table is left out."""
        kept = dict(self.parts)
        for part in parts:
            kept.pop(part, None)
            if packed or rows.get(part):
                kept[part] = (generation, rows.get(part, 0))
        return replace(self, parts=kept)

    def appended(self, batch: int, generation: int) -> "Manifest":
        """With what a batch brought under a generation."""
        return replace(self, batches=self.batches | {(batch, generation)})

    def without(self, batch: int) -> "Manifest":
        """Without what a batch brought."""
        return replace(self, batches=frozenset(one for one in self.batches if one[0] != batch))

    def as_document(self) -> Json:
        """What is stored."""
        parts = np.array([(part, *rest) for part, rest in sorted(self.parts.items())], "<i8")
        return {"parts": parts.tobytes(), "batches": np.array(sorted(self.batches), "<i8").tobytes()}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "Manifest":
        """From what is stored."""
        parts: list[list[int]] = np.frombuffer(document["parts"], "<i8").reshape(-1, 3).tolist()
        batches: list[list[int]] = np.frombuffer(document["batches"], "<i8").reshape(-1, 2).tolist()
        return cls(
            {part: (generation, count) for part, generation, count in parts},
            frozenset((batch, generation) for batch, generation in batches),
        )


EMPTY = Manifest()
