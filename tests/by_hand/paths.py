"""From touches and visits to outcomes with their paths, and the credit of each campaign."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from itertools import combinations
from math import factorial

from tests.by_hand.question import local_day
from tests.by_hand.truth import Purchase, Touch, Truth

KINDS = ("print", "opening", "click")  # at the same instant, in this order
Credits = Mapping[str, Fraction]


@dataclass(frozen=True)
class Outcome:
    """A visit with its purchases, or a purchase without a visit; path is empty when nothing led to it."""

    user: str
    site: str
    online: bool
    at: datetime
    day: date
    visit: bool
    purchases: tuple[Purchase, ...]
    path: tuple[Touch, ...]
    weight: Fraction
    credited_day: date | None

    @property
    def campaigns(self) -> list[str]:
        return [touch.campaign for touch in self.path]

    @property
    def revenue(self) -> Fraction:
        return sum((purchase.amount for purchase in self.purchases), Fraction(0))


def path(touches: Iterable[Touch], at: datetime, window: Callable[[Touch], int]) -> tuple[Touch, ...]:
    """A user's touches in [at - window, at), runs of one campaign collapsed into the last of the run.

    window: days that a touch stays eligible.
    """
    eligible = sorted(
        (touch for touch in touches if touch.kind != "control" and at - timedelta(days=window(touch)) <= touch.at < at),
        key=lambda touch: (touch.at, touch.campaign, KINDS.index(touch.kind)),
    )
    collapsed: list[Touch] = []
    for touch in eligible:
        if collapsed and collapsed[-1].campaign == touch.campaign:
            collapsed.pop()
        collapsed.append(touch)
    return tuple(collapsed)


@lru_cache(maxsize=8)
def outcomes(truth: Truth) -> tuple[Outcome, ...]:
    """Everything that visits and purchases come down to."""
    touches: dict[str, list[Touch]] = defaultdict(list)
    for touch in truth.touches:
        touches[touch.user].append(touch)
    windows = {c.id: {**truth.windows, **(c.windows or {})} for c in truth.campaigns}
    weights = {panelist.user: panelist.weight for panelist in truth.panelists}

    def outcome(user: str, site: str, at: datetime, visit: bool, purchases: Iterable[Purchase]) -> Outcome:
        found = path(touches[user], at, lambda touch: windows[touch.campaign][touch.kind])
        return Outcome(
            user,
            site,
            truth.place(site).online,
            at,
            local_day(at, truth.zone_of(site)),
            visit,
            tuple(purchases),
            found,
            weights.get(user, Fraction(1)),
            local_day(found[-1].at, truth.timezone) if found else None,
        )

    bought: dict[int, list[Purchase]] = defaultdict(list)
    alone = []
    for purchase in truth.purchases:
        zone = truth.zone_of(purchase.site)
        before = [
            (visit.at, number)
            for number, visit in enumerate(truth.visits)
            if (visit.user, visit.site) == (purchase.user, purchase.site)
            and visit.at <= purchase.at
            and local_day(visit.at, zone) == local_day(purchase.at, zone)
        ]
        if before:
            bought[max(before)[1]].append(purchase)
        else:
            alone.append(purchase)
    return (
        *(outcome(v.user, v.site, v.at, True, bought[number]) for number, v in enumerate(truth.visits)),
        *(outcome(p.user, p.site, p.at, False, [p]) for p in alone),
    )


# -- who is credited ------------------------------------------------------------------------------------------------


def first_touch(campaigns: Sequence[str]) -> Credits:
    """All to the first."""
    return {campaigns[0]: Fraction(1)} if campaigns else {}


def last_touch(campaigns: Sequence[str]) -> Credits:
    """All to the last."""
    return {campaigns[-1]: Fraction(1)} if campaigns else {}


def linear(campaigns: Sequence[str]) -> Credits:
    """The same to every touch."""
    credits: dict[str, Fraction] = defaultdict(Fraction)
    for campaign in campaigns:
        credits[campaign] += Fraction(1, len(campaigns))
    return credits


def shapley(campaigns: Sequence[str]) -> Credits:
    """The same to every distinct campaign."""
    distinct = set(campaigns)
    return {campaign: Fraction(1, len(distinct)) for campaign in distinct}


MODELS: Mapping[str, Callable[[Sequence[str]], Credits]] = {
    "linear": linear,
    "shapley": shapley,
    "fc": first_touch,
    "lc": last_touch,
}


def shapley_by_definition(paths: Sequence[Sequence[str]]) -> Credits:
    """The Shapley value of the game "outcomes whose campaigns all are in the coalition", by enumeration."""
    players = sorted({campaign for one in paths for campaign in one})

    def worth(coalition: frozenset[str]) -> int:
        return sum(1 for one in paths if one and set(one) <= coalition)

    credits: dict[str, Fraction] = {}
    for player in players:
        others = [other for other in players if other != player]
        value = Fraction(0)
        for size in range(len(others) + 1):
            chance = Fraction(factorial(size) * factorial(len(others) - size), factorial(len(players)))
            for chosen in combinations(others, size):
                coalition = frozenset(chosen)
                value += chance * (worth(coalition | {player}) - worth(coalition))
        credits[player] = value
    return credits
