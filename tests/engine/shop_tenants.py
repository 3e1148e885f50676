"""A small application whose visits and purchases have the edges of store performance, and random ones by seed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import cache
from random import Random

from tests.by_hand.truth import Campaign, Panelist, Place, Purchase, Touch, Truth, Visit
from tests.engine.campaign_tenants import campaign_tenant
from tests.truth.random_events import BURSTS

NOON = datetime(2024, 3, 20, 11, tzinfo=UTC)


def _at(year: int, month: int, day: int, hour: int = 11) -> datetime:
    return datetime(year, month, day, hour, tzinfo=UTC)


@cache
def edge_tenant() -> Truth:
    """Build an application with refunds above sales, purchases without visits, and visits around 12 months apart."""
    sites = (
        Place("a" * 24, "a", "A", tags=frozenset({"city"})),
        Place("b" * 24, "b", "B", timezone="America/New_York", tags=frozenset({"city", "flagship"})),
        Place("c" * 24, "web", "Web", online=True),
        Place("d" * 24, "closed", "Closed", active=False),
    )
    a, b, web, closed = (site.id for site in sites)
    visits = [
        Visit("ann", a, _at(2023, 3, 20)),
        Visit("ann", a, _at(2024, 3, 20)),  # exactly 12 months later: not new
        Visit("ann", b, _at(2024, 3, 20)),  # new at this site, at the same instant as elsewhere
        Visit("bob", a, _at(2023, 3, 19)),
        Visit("bob", a, _at(2024, 3, 20)),  # a day more than 12 months: new
        Visit("bob", a, _at(2024, 3, 20, 15)),
        Visit("cid", closed, _at(2024, 2, 29)),
        Visit("cid", b, _at(2024, 3, 21, 3)),  # on the 20th in New York; not new: visits to closed sites count
        Visit("dan", web, _at(2024, 3, 21)),
        Visit("dan", a, _at(2024, 3, 22)),
        Visit("eve", a, _at(2023, 2, 28)),
        Visit("eve", a, _at(2024, 2, 29)),  # 12 months before lies on the 28th: not new
    ]
    amounts: tuple[Fraction | int, ...] = (0, Fraction(999_999, 100_000), 10, Fraction(1999, 100), 500, 10**9)
    purchases = [Purchase("ann", a, NOON + timedelta(minutes=n), Fraction(x), f"o{n}") for n, x in enumerate(amounts)]
    purchases += [
        Purchase("bob", b, NOON, Fraction(20), "without a visit"),
        Purchase("bob", a, NOON - timedelta(hours=2), Fraction(5), "before the visit"),
        Purchase("dan", web, _at(2024, 3, 21, 12), Fraction(50), "online"),
        Purchase("dan", web, _at(2024, 3, 21, 13), Fraction(-80), "refund above sales"),
        Purchase("fay", web, _at(2024, 3, 23), Fraction(-3), "a refund alone"),
        Purchase("fay", closed, _at(2024, 3, 23), Fraction(7), "at a closed site"),
    ]
    return Truth(
        sites=sites,
        campaigns=(Campaign("1" * 24, "one", "2" * 24),),
        panelists=(
            Panelist("ann", Fraction(5, 2)),
            Panelist("dan", Fraction(1, 1000)),
            Panelist("cid", Fraction(10**6)),
        ),
        touches=(
            Touch("ann", "1" * 24, NOON - timedelta(days=1), "print"),
            Touch("dan", "1" * 24, _at(2024, 3, 21, 10), "click"),
            Touch("fay", "1" * 24, _at(2024, 3, 23, 10), "control"),
        ),
        visits=tuple(visits),
        purchases=tuple(purchases),
    )


@cache
def shop_tenant(seed: int) -> Truth:
    """Build a random application with campaigns, whose users come back about 12 months later, too."""
    truth, random = campaign_tenant(seed), Random(seed)
    first, last = BURSTS[1]
    again = [
        Visit(visit.user, visit.site, visit.at - timedelta(days=random.choice((364, 365, 366, 367))))
        for visit in truth.visits
        if first <= visit.at.date() <= last and random.random() < 0.5
    ]
    return replace(truth, visits=tuple(dict.fromkeys((*truth.visits, *again))))
