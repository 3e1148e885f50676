"""What conversion KPIs look at: one scope value over some days, and what happened in it."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any

from tests.by_hand.costs import Spent, share, spent
from tests.by_hand.paths import Outcome, outcomes
from tests.by_hand.question import Question, local_day
from tests.by_hand.truth import Campaign, Touch, Truth


@dataclass(frozen=True)
class World:
    """What happened, by day: outcomes by their own, and by that of their credited touch."""

    truth: Truth
    campaigns: Mapping[str, Campaign]
    outcomes: Mapping[date, list[Outcome]]
    cohorts: Mapping[date, list[Outcome]]
    spent: Mapping[date, list[Spent]]
    delivered: Mapping[date, list[Any]]
    touches: Mapping[date, list[Touch]]
    weights: Mapping[str, Fraction]


def _by_day(rows: Iterable[Any], day: Callable[[Any], date | None]) -> dict[date, list[Any]]:
    found: dict[date, list[Any]] = defaultdict(list)
    for row in rows:
        on = day(row)
        if on is not None:
            found[on].append(row)
    return found


@lru_cache(maxsize=8)
def world(truth: Truth) -> World:
    """The truth, sorted into days."""
    return World(
        truth,
        {campaign.id: campaign for campaign in truth.campaigns},
        _by_day(outcomes(truth), lambda one: one.day),
        _by_day(outcomes(truth), lambda one: one.credited_day),
        _by_day((part for c in truth.campaigns for part in spent(c, truth.deliveries)), lambda part: part.day),
        _by_day(truth.deliveries, lambda delivery: delivery.day),
        _by_day(truth.touches, lambda touch: local_day(touch.at, truth.timezone)),
        {panelist.user: panelist.weight for panelist in truth.panelists},
    )


@dataclass(frozen=True, eq=False)
class Cell:
    """One scope value over some days: the campaigns and sites that count in it.

    apart: whether it looks at some sites only, which take their share of what is known by campaign.
    exposure_known: whether any touch of the question's campaigns and days shows whom they reached.
    """

    world: World
    question: Question
    campaigns: frozenset[str]
    sites: frozenset[str]
    sharers: Mapping[str, list[str]]
    days: frozenset[date]
    apart: bool
    exposure_known: bool

    @property
    def uplift(self) -> bool:
        return self.question.uplift

    def rows(self, by_day: Mapping[date, list[Any]]) -> list[Any]:
        """What is on record on the cell's days."""
        return [row for day in sorted(self.days) for row in by_day.get(day, ())]

    def weight(self, outcome: Outcome) -> Fraction:
        return outcome.weight if self.uplift else Fraction(1)

    # -- outcomes

    @cached_property
    def _reached(self) -> dict[bool, list[Outcome]]:
        """Outcomes of the cell by participation, cohort or not."""
        return {
            cohort: [
                one
                for one in self.rows(self.world.cohorts if cohort else self.world.outcomes)
                if one.site in self.sites and self.campaigns.intersection(one.campaigns)
            ]
            for cohort in (False, True)
        }

    def attributed(self, online: bool, cohort: bool = False) -> list[Outcome]:
        """Outcomes of a channel whose path holds a campaign of the cell."""
        return [one for one in self._reached[cohort] if one.online == online]

    def visits(self, online: bool, cohort: bool = False) -> Fraction:
        return sum((self.weight(one) for one in self.attributed(online, cohort) if one.visit), Fraction(0))

    def conversions(self, online: bool, cohort: bool = False) -> Fraction:
        converted = (one for one in self.attributed(online, cohort) if one.visit and one.purchases)
        return sum(map(self.weight, converted), Fraction(0))

    def purchases(self, online: bool) -> Fraction:
        return sum((self.weight(one) * len(one.purchases) for one in self.attributed(online)), Fraction(0))

    def revenues(self, online: bool, cohort: bool = False) -> Fraction:
        return sum((self.weight(one) * one.revenue for one in self.attributed(online, cohort)), Fraction(0))

    # -- credits

    def credits(self, online: bool, model: Callable[[list[str]], Mapping[str, Fraction]]) -> dict[str, Fraction]:
        """What each campaign of the cell is credited of the visits of a channel."""
        found: dict[str, Fraction] = defaultdict(Fraction)
        for one in self.attributed(online):
            if one.visit:
                for campaign, credit in model(one.campaigns).items():
                    if campaign in self.campaigns:
                        found[campaign] += credit * self.weight(one)
        return found

    def credit(self, online: bool, model: Callable[[list[str]], Mapping[str, Fraction]]) -> Fraction:
        return sum(self.credits(online, model).values(), Fraction(0))

    def credited(self, online: bool) -> list[Outcome]:
        """Visits of a channel whose credited (last) touch is of a campaign of the cell."""
        return [one for one in self.attributed(online) if one.visit and one.path[-1].campaign in self.campaigns]

    # -- deliveries, costs, exposures

    def _share(self, campaign: str, site: str | None) -> Fraction:
        if not self.apart:
            return Fraction(site is None or site in self.sites)
        return share(site, self.sharers[campaign], self.sites)

    def delivered(self, what: str) -> Fraction:
        """prints, clicks or openings."""
        return sum(
            (
                getattr(one, what) * self._share(one.campaign, one.site)
                for one in self.rows(self.world.delivered)
                if one.campaign in self.campaigns
            ),
            Fraction(0),
        )

    @cached_property
    def cost(self) -> Fraction:
        return sum(
            (
                one.amount * self._share(one.campaign, one.site)
                for one in self.rows(self.world.spent)
                if one.campaign in self.campaigns
            ),
            Fraction(0),
        )

    def touched(self, control: bool) -> set[str]:
        """The users that a campaign of the cell reached, or was deliberately not shown to."""
        return {
            touch.user
            for touch in self.rows(self.world.touches)
            if touch.campaign in self.campaigns and (touch.kind == "control") == control
        }

    def users(self, users: Iterable[str]) -> Fraction:
        """Distinct users."""
        weights = self.world.weights
        return sum((weights.get(user, Fraction(1)) if self.uplift else Fraction(1) for user in users), Fraction(0))
