"""Credits campaign by campaign, as the items of one leaf."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from okube_api.engine.grid import Grid
from okube_api.engine.results import Leaf, round_amounts, round_ratios
from okube_api.store.arrays import Ints


@dataclass(frozen=True, slots=True)
class CampaignResults:
    """Credits by campaign, the greatest first (ties by `_id`), and what they come to.

    credits: by cell and campaign, at `cell * size + campaign`.
    campaigns: `_id` and key of each.
    """

    credits: Grid
    size: int
    campaigns: tuple[tuple[str, str], ...]

    @property
    def keys(self) -> Ints:
        return np.unique(self.credits.keys // self.size)

    def leaves_at(self, keys: Ints) -> list[Leaf]:
        return [self._leaf(int(key)) for key in keys]

    def _leaf(self, key: int) -> dict[str, Any]:
        bounds = (key * self.size, (key + 1) * self.size) if key >= 0 else (0, 0)
        low, high = np.searchsorted(self.credits.keys, bounds)
        numbers = self.credits.numerators[low:high]
        total = numbers.sum()
        rows = zip(
            (self.campaigns[code] for code in self.credits.keys[low:high] % self.size),
            numbers.tolist(),
            round_amounts(numbers, self.credits),
            round_ratios(numbers, np.full(len(numbers), total)),
            strict=True,
        )
        return {
            "items": [
                {"campaign": campaign, "key": name, "value": value, "share": share}
                for (campaign, name), _, value, share in sorted(rows, key=lambda row: (-row[1], row[0]))
            ],
            "total": round_amounts(np.array([total]), self.credits)[0],
        }
