"""Outcomes with their paths, from touches, visits and purchases; and the credit of each campaign."""

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

KINDS = ("print", "opening", "click")  # the order of touches at the same instant
Credits = Mapping[str, Fraction]


@dataclass(frozen=True)
class Outcome:
    """A visit with its purchases, or a purchase without a visit; the path is empty when no touch is eligible.

    purchases: refunds, too, which are placed as purchases are.
    """

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
    def sales(self) -> int:
        """The number of purchases; a refund (negative amount) is none."""
        return sum(purchase.amount >= 0 for purchase in self.purchases)

    @property
    def revenue(self) -> Fraction:
        return sum((purchase.amount for purchase in self.purchases), Fraction(0))


def build_path(touches: Iterable[Touch], at: datetime, window: Callable[[Touch], int]) -> tuple[Touch, ...]:
    """Return the path: a user's touches in [at - window, at), runs of one campaign collapsed into the last of the run.

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
def list_outcomes(truth: Truth) -> tuple[Outcome, ...]:
    """Return the outcomes of all visits and purchases."""
    touches: dict[str, list[Touch]] = defaultdict(list)
    for touch in truth.touches:
        touches[touch.user].append(touch)
    windows = {c.id: {**truth.windows, **(c.windows or {})} for c in truth.campaigns}
    weights = {panelist.user: panelist.weight for panelist in truth.panelists}

    def outcome(user: str, site: str, at: datetime, visit: bool, purchases: Iterable[Purchase]) -> Outcome:
        touch_path = build_path(touches[user], at, lambda touch: windows[touch.campaign][touch.kind])
        return Outcome(
            user,
            site,
            truth.place(site).online,
            at,
            local_day(at, truth.zone_of(site)),
            visit,
            tuple(purchases),
            touch_path,
            weights.get(user, Fraction(1)),
            local_day(touch_path[-1].at, truth.timezone) if touch_path else None,
        )

    purchases_of_visit: dict[int, list[Purchase]] = defaultdict(list)
    without_visit = []
    for purchase in truth.purchases:
        timezone = truth.zone_of(purchase.site)
        before = [
            (visit.at, number)
            for number, visit in enumerate(truth.visits)
            if (visit.user, visit.site) == (purchase.user, purchase.site)
            and visit.at <= purchase.at
            and local_day(visit.at, timezone) == local_day(purchase.at, timezone)
        ]
        if before:
            purchases_of_visit[max(before)[1]].append(purchase)
        else:
            without_visit.append(purchase)
    return (
        *(outcome(v.user, v.site, v.at, True, purchases_of_visit[number]) for number, v in enumerate(truth.visits)),
        *(outcome(p.user, p.site, p.at, False, [p]) for p in without_visit),
    )


# -- credit --------------------------------------------------------------------------------------------------------


def first_touch(campaigns: Sequence[str]) -> Credits:
    """Credit the first touch."""
    return {campaigns[0]: Fraction(1)} if campaigns else {}


def last_touch(campaigns: Sequence[str]) -> Credits:
    """Credit the last touch."""
    return {campaigns[-1]: Fraction(1)} if campaigns else {}


def linear(campaigns: Sequence[str]) -> Credits:
    """Credit every touch evenly."""
    credits: dict[str, Fraction] = defaultdict(Fraction)
    for campaign in campaigns:
        credits[campaign] += Fraction(1, len(campaigns))
    return credits


def shapley(campaigns: Sequence[str]) -> Credits:
    """Credit every distinct campaign evenly."""
    distinct = set(campaigns)
    return {campaign: Fraction(1, len(distinct)) for campaign in distinct}


MODELS: Mapping[str, Callable[[Sequence[str]], Credits]] = {
    "linear": linear,
    "shapley": shapley,
    "fc": first_touch,
    "lc": last_touch,
}


def shapley_by_definition(paths: Sequence[Sequence[str]]) -> Credits:
    """Return the Shapley value of the game "outcomes whose campaigns are all in the coalition", by enumeration."""
    players = sorted({campaign for campaigns in paths for campaign in campaigns})

    def count_outcomes(coalition: frozenset[str]) -> int:
        return sum(1 for campaigns in paths if campaigns and set(campaigns) <= coalition)

    credits: dict[str, Fraction] = {}
    for player in players:
        other_players = [candidate for candidate in players if candidate != player]
        value = Fraction(0)
        for size in range(len(other_players) + 1):
            probability = Fraction(factorial(size) * factorial(len(other_players) - size), factorial(len(players)))
            for subset in combinations(other_players, size):
                coalition = frozenset(subset)
                value += probability * (count_outcomes(coalition | {player}) - count_outcomes(coalition))
        credits[player] = value
    return credits
