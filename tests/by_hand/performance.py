"""The 16 KPIs of store performance, computed from lists of visits, purchases and touches."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import lru_cache

from tests.by_hand.geomarketing import new_days
from tests.by_hand.paths import Outcome, list_outcomes
from tests.by_hand.question import Question, select_sites
from tests.by_hand.results import Leaf, build_answer, count, distribution, money, ratio
from tests.by_hand.truth import Purchase, Truth

MOST_SITES = 100
CHANNELS = ("offline", "online")

# -- new visitors --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class NewVisitor:
    """Whether an outcome is the first visit of a user's day who is new: at the site, and at any site."""

    here: bool
    anywhere: bool


@lru_cache(maxsize=8)
def mark_new_visitors(truth: Truth) -> tuple[NewVisitor, ...]:
    """Return the marks of each outcome of `list_outcomes`.

    The first visit of a day has the mark: ties by site, then by number of purchases and by revenue.
    """
    outcomes = list_outcomes(truth)
    by_time = sorted(
        (number for number, outcome in enumerate(outcomes) if outcome.visit),
        key=lambda number: (
            outcomes[number].at,
            outcomes[number].site,
            outcomes[number].sales,
            outcomes[number].revenue,
        ),
    )
    days_here: dict[tuple[str, str], set[date]] = defaultdict(set)
    days_anywhere: dict[str, set[date]] = defaultdict(set)
    for number in by_time:
        outcome = outcomes[number]
        days_here[outcome.user, outcome.site].add(outcome.day)
        days_anywhere[outcome.user].add(outcome.day)
    marks = [NewVisitor(False, False)] * len(outcomes)
    first_here: set[tuple[str, str, date]] = set()
    first_anywhere: set[tuple[str, date]] = set()
    for number in by_time:
        outcome = outcomes[number]
        here, anywhere = (outcome.user, outcome.site, outcome.day), (outcome.user, outcome.day)
        marks[number] = NewVisitor(
            here not in first_here and outcome.day in new_days(days_here[outcome.user, outcome.site]),
            anywhere not in first_anywhere and outcome.day in new_days(days_anywhere[outcome.user]),
        )
        first_here.add(here)
        first_anywhere.add(anywhere)
    return tuple(marks)


# -- one cell of an answer -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cell:
    """The visits and purchases of one scope value on some days.

    visits: with the marks of new visitors.  bought: purchases and refunds, with their outcomes.
    """

    truth: Truth
    question: Question
    visits: list[tuple[Outcome, NewVisitor]]
    bought: list[tuple[Purchase, Outcome]]

    @property
    def uplift(self) -> bool:
        return self.question.uplift

    def weight(self, outcome: Outcome) -> Fraction:
        return outcome.weight if self.uplift else Fraction(1)

    def count_visits(self, counts: Callable[[Outcome], bool] = lambda _: True) -> Fraction:
        """Return the sum of the weights of the visits that count."""
        return sum((self.weight(outcome) for outcome, _ in self.visits if counts(outcome)), Fraction(0))

    def sum_purchases(self, amount: Callable[[Purchase, Outcome], Fraction | int]) -> Fraction:
        """Return the sum of an amount of each purchase and refund, times the weight of its user."""
        parts = (self.weight(outcome) * amount(purchase, outcome) for purchase, outcome in self.bought)
        return sum(parts, Fraction(0))

    def weigh(self, users: Iterable[str]) -> Fraction:
        """Return the number of users, or the sum of their weights."""
        weights = {panelist.user: panelist.weight for panelist in self.truth.panelists}
        return sum((weights.get(user, Fraction(1)) if self.uplift else Fraction(1) for user in users), Fraction(0))

    def visitors(self, site: str | None = None) -> set[str]:
        """Return the users with a visit, of one site or of all."""
        return {outcome.user for outcome, _ in self.visits if site in (None, outcome.site)}

    def new_visitors(self) -> set[str]:
        by_site = self.question.scope == "sites"
        return {outcome.user for outcome, mark in self.visits if (mark.here if by_site else mark.anywhere)}


Number = Callable[[Cell], Fraction]


def visits(cell: Cell) -> Fraction:
    return cell.count_visits()


def visitors(cell: Cell) -> Fraction:
    return cell.weigh(cell.visitors())


def new_visitors(cell: Cell) -> Fraction:
    return cell.weigh(cell.new_visitors())


def purchases(cell: Cell) -> Fraction:
    return cell.sum_purchases(lambda purchase, _: purchase.amount >= 0)


def sales(cell: Cell) -> Fraction:
    return cell.sum_purchases(lambda purchase, _: purchase.amount)


def refunds(cell: Cell) -> Fraction:
    return cell.sum_purchases(lambda purchase, _: max(-purchase.amount, Fraction(0)))


def unattributed_visits(cell: Cell) -> Fraction:
    return cell.count_visits(lambda outcome: not outcome.path)


def attributed_visits(cell: Cell) -> Fraction:
    return cell.count_visits(lambda outcome: bool(outcome.path))


def unattributed_sales(cell: Cell) -> Fraction:
    return cell.sum_purchases(lambda purchase, outcome: 0 if outcome.path else purchase.amount)


def baskets(cell: Cell) -> Leaf:
    amounts = [(purchase.amount, cell.weight(outcome)) for purchase, outcome in cell.bought if purchase.amount >= 0]
    return distribution("EUR", "purchases", cell.truth.bands["basket"], amounts, cell.uplift)


def shared_visitors(cell: Cell) -> Leaf:
    keys = {site.id: site.key for site in cell.truth.sites}
    seen_by = {site: cell.visitors(site) for site in keys if cell.visitors(site)}
    sites = sorted(seen_by, key=lambda site: (-cell.weigh(seen_by[site]), keys[site]))
    shared = [[cell.weigh(seen_by[row] & seen_by[column]) for column in sites] for row in sites]
    return {
        "areas": [keys[site] for site in sites],
        "users": [[count(value, cell.uplift) for value in row] for row in shared],
        "rate": [[ratio(value, row[i]) for value in row] for i, row in enumerate(shared)],
    }


def shared_visitors_of_site(leaf: Leaf, site: str) -> Leaf:
    """Return the row of one site in a leaf of sharedVisitors, with all sites as columns."""
    if site not in leaf["areas"]:
        return {"areas": [], "users": [], "rate": []}
    row = leaf["areas"].index(site)
    return {"areas": leaf["areas"], "users": [leaf["users"][row]], "rate": [leaf["rate"][row]]}


def count_of(number: Number) -> Callable[[Cell], Leaf]:
    return lambda cell: count(number(cell), cell.uplift)


def money_of(number: Number) -> Callable[[Cell], Leaf]:
    return lambda cell: money(number(cell))


def ratio_of(above: Number, below: Number) -> Callable[[Cell], Leaf]:
    return lambda cell: ratio(above(cell), below(cell))


KPIS: Mapping[str, Callable[[Cell], Leaf]] = {
    "visits": count_of(visits),
    "visitors": count_of(visitors),
    "purchases": count_of(purchases),
    "sales": money_of(sales),
    "refunds": money_of(refunds),
    "averageBasket": ratio_of(sales, purchases),
    "conversionRate": ratio_of(purchases, visits),
    "salesPerVisitor": ratio_of(sales, visitors),
    "salesPerVisit": ratio_of(sales, visits),
    "unattributedVisits": count_of(unattributed_visits),
    "unattributedSales": money_of(unattributed_sales),
    "attributedShare": ratio_of(attributed_visits, visits),
    "newVisitorShare": ratio_of(new_visitors, visitors),
    "visitFrequency": ratio_of(visits, visitors),
    "basketDistribution": baskets,
    "sharedVisitors": shared_visitors,
}

SCOPES = ("globals", "sites", "channels")


def scopes(kpi: str) -> tuple[str, ...]:
    """Return the scopes of a KPI: all of them."""
    assert kpi in KPIS
    return SCOPES


def performance(truth: Truth, kpi: str, question: Question) -> Leaf:
    """Return the `data` of one element of an answer about store performance."""
    sites = {site.id: site for site in select_sites(truth, question)}
    is_part = kpi == "sharedVisitors" and question.scope == "sites"
    by_day: dict[date, list[tuple[Outcome, NewVisitor]]] = defaultdict(list)
    for outcome, mark in zip(list_outcomes(truth), mark_new_visitors(truth), strict=True):
        if outcome.site in sites and (question.channels is None or question.channels.accepts(_channel(outcome))):
            by_day[outcome.day].append((outcome, mark))

    def belongs(outcome: Outcome, value: str | None) -> bool:
        return value is None or is_part or value == (outcome.site if question.scope == "sites" else _channel(outcome))

    def counts(event: Outcome | Purchase) -> bool:
        return question.row_test is None or question.row_test(event)

    def leaf(value: str | None, days: frozenset[date]) -> Leaf:
        rows = [row for day in sorted(days) for row in by_day.get(day, ()) if belongs(row[0], value)]
        cell = Cell(
            truth,
            question,
            [(outcome, mark) for outcome, mark in rows if outcome.visit and counts(outcome)],
            [(purchase, outcome) for outcome, _ in rows for purchase in outcome.purchases if counts(purchase)],
        )
        whole = KPIS[kpi](cell)
        return whole if value is None or not is_part else shared_visitors_of_site(whole, truth.place(value).key)

    filter_ = question.sites if question.scope == "sites" else question.channels
    named = filter_.values if filter_ is not None and not filter_.negated else frozenset()
    return build_answer(question, sites if question.scope == "sites" else CHANNELS, named, leaf)


def _channel(outcome: Outcome) -> str:
    return "online" if outcome.online else "offline"
