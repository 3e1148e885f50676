"""The cells of conversion KPIs: one scope value over some days, and the events in it."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any

from tests.by_hand.costs import DailyCost, compute_share, list_daily_costs, list_sharers
from tests.by_hand.paths import Outcome, list_outcomes
from tests.by_hand.question import Question, local_day
from tests.by_hand.truth import Campaign, Touch, Truth


@dataclass(frozen=True)
class World:
    """The events by day; outcomes by their own day, and (cohorts) by the day of their credited touch."""

    truth: Truth
    campaigns: Mapping[str, Campaign]
    outcomes: Mapping[date, list[Outcome]]
    cohorts: Mapping[date, list[Outcome]]
    costs: Mapping[date, list[DailyCost]]
    delivered: Mapping[date, list[Any]]
    touches: Mapping[date, list[Touch]]
    weights: Mapping[str, Fraction]


def _by_day(rows: Iterable[Any], day: Callable[[Any], date | None]) -> dict[date, list[Any]]:
    rows_by_day: dict[date, list[Any]] = defaultdict(list)
    for row in rows:
        row_day = day(row)
        if row_day is not None:
            rows_by_day[row_day].append(row)
    return rows_by_day


@lru_cache(maxsize=8)
def build_world(truth: Truth) -> World:
    """Group the events of a truth by day."""
    return World(
        truth,
        {campaign.id: campaign for campaign in truth.campaigns},
        _by_day(list_outcomes(truth), lambda outcome: outcome.day),
        _by_day(list_outcomes(truth), lambda outcome: outcome.credited_day),
        _by_day(
            (part for c in truth.campaigns for part in list_daily_costs(c, truth.deliveries)), lambda part: part.day
        ),
        _by_day(truth.deliveries, lambda delivery: delivery.day),
        _by_day(truth.touches, lambda touch: local_day(touch.at, truth.timezone)),
        {panelist.user: panelist.weight for panelist in truth.panelists},
    )


@dataclass(frozen=True, eq=False)
class Cell:
    """One scope value over some days: the campaigns and sites that count in it.

    some_sites: whether the question selects sites; these get their shares of what is known by campaign only.
    """

    world: World
    question: Question
    campaigns: frozenset[str]
    sites: frozenset[str]
    sharers: Mapping[str, list[str]]
    days: frozenset[date]
    some_sites: bool

    @property
    def uplift(self) -> bool:
        return self.question.uplift

    def rows(self, by_day: Mapping[date, list[Any]]) -> list[Any]:
        """Return the rows of the cell's days."""
        return [row for day in sorted(self.days) for row in by_day.get(day, ())]

    def weight(self, outcome: Outcome) -> Fraction:
        return outcome.weight if self.uplift else Fraction(1)

    # -- outcomes

    @cached_property
    def _reached(self) -> dict[bool, list[Outcome]]:
        """The outcomes whose path contains a campaign of the cell: by own day (False), and by day of touch (True)."""
        return {
            cohort: [
                outcome
                for outcome in self.rows(self.world.cohorts if cohort else self.world.outcomes)
                if outcome.site in self.sites
                and self.campaigns.intersection(outcome.campaigns)
                and (self.question.row_test is None or self.question.row_test(outcome))
            ]
            for cohort in (False, True)
        }

    def attributed(self, online: bool, cohort: bool = False) -> list[Outcome]:
        """Return the outcomes of a channel whose path contains a campaign of the cell."""
        return [outcome for outcome in self._reached[cohort] if outcome.online == online]

    def visits(self, online: bool, cohort: bool = False) -> Fraction:
        return sum((self.weight(outcome) for outcome in self.attributed(online, cohort) if outcome.visit), Fraction(0))

    def conversions(self, online: bool, cohort: bool = False) -> Fraction:
        converted = (outcome for outcome in self.attributed(online, cohort) if outcome.visit and outcome.sales)
        return sum(map(self.weight, converted), Fraction(0))

    def purchases(self, online: bool) -> Fraction:
        return sum((self.weight(outcome) * outcome.sales for outcome in self.attributed(online)), Fraction(0))

    def revenues(self, online: bool, cohort: bool = False) -> Fraction:
        return sum((self.weight(outcome) * outcome.revenue for outcome in self.attributed(online, cohort)), Fraction(0))

    # -- credits

    def credits(self, online: bool, model: Callable[[list[str]], Mapping[str, Fraction]]) -> dict[str, Fraction]:
        """Return the credit of each campaign of the cell for the visits of a channel."""
        credits: dict[str, Fraction] = defaultdict(Fraction)
        for outcome in self.attributed(online):
            if outcome.visit:
                for campaign, credit in model(outcome.campaigns).items():
                    if campaign in self.campaigns:
                        credits[campaign] += credit * self.weight(outcome)
        return credits

    def credit(self, online: bool, model: Callable[[list[str]], Mapping[str, Fraction]]) -> Fraction:
        return sum(self.credits(online, model).values(), Fraction(0))

    def credited(self, online: bool) -> list[Outcome]:
        """Return the visits of a channel whose credited (last) touch is of a campaign of the cell."""
        return [
            outcome
            for outcome in self.attributed(online)
            if outcome.visit and outcome.path[-1].campaign in self.campaigns
        ]

    # -- deliveries, costs, exposures

    def _share(self, campaign: str, site: str | None) -> Fraction:
        if site is None and not self.sharers[campaign]:  # no site is active: nobody shares
            return Fraction(not self.some_sites)
        return compute_share(site, self.sharers[campaign], self.sites)

    def delivered(self, what: str) -> Fraction:
        """Return the number of prints, clicks or openings."""
        return sum(
            (
                getattr(delivery, what) * self._share(delivery.campaign, delivery.site)
                for delivery in self.rows(self.world.delivered)
                if delivery.campaign in self.campaigns
            ),
            Fraction(0),
        )

    @cached_property
    def cost(self) -> Fraction:
        return sum(
            (
                cost.amount * self._share(cost.campaign, cost.site)
                for cost in self.rows(self.world.costs)
                if cost.campaign in self.campaigns
            ),
            Fraction(0),
        )

    def first_touches(self, control: bool) -> dict[str, datetime]:
        """Return the users that a campaign of the cell exposed (or its control group), with their first touch."""
        first: dict[str, datetime] = {}
        for touch in self.rows(self.world.touches):
            if touch.campaign in self.campaigns and (touch.kind == "control") == control:
                first[touch.user] = min(touch.at, first.get(touch.user, touch.at))
        return first

    def users(self, users: Iterable[str]) -> Fraction:
        """Return the number of distinct users, or the sum of their weights."""
        weights = self.world.weights
        return sum((weights.get(user, Fraction(1)) if self.uplift else Fraction(1) for user in users), Fraction(0))


@lru_cache(maxsize=4096)
def build_cell(
    truth: Truth,
    question: Question,
    campaigns: frozenset[str],
    sites: frozenset[str],
    days: frozenset[date],
    *,
    some_sites: bool,
) -> Cell:
    """Return a cell, the same one for each KPI."""
    world = build_world(truth)
    sharers = {campaign: list_sharers(truth, world.campaigns[campaign]) for campaign in campaigns}
    return Cell(world, question, campaigns, sites, sharers, days, some_sites)
