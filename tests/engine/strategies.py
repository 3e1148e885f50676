"""Random questions and filters, drawn from a seeded generator."""

from dataclasses import replace
from datetime import date
from random import Random

from tests.by_hand.question import Filter, Question, only, without
from tests.by_hand.truth import Truth
from tests.truth.random_events import BURSTS

CAMPAIGN_SCOPES = ("globals", "sites", "campaigns", "levers", "extras")


def random_filter(random: Random, values: list[str]) -> Filter | None:
    """Return no filter, or a filter on some of the values."""
    if random.random() < 0.6:
        return None
    return random.choice((only, without))(*random.sample(values, random.randint(1, len(values))))


def random_campaign_filter(random: Random, values: list[str], chance: float = 0.3) -> Filter | None:
    """Return no filter, or a filter on up to three of the values."""
    if random.random() > chance:
        return None
    return random.choice((only, only, without))(*random.sample(values, random.randint(1, min(len(values), 3))))


Period = tuple[date, date]


def random_period(random: Random, first: date, days: int, lengths: tuple[int, ...]) -> Period:
    """Return a period that begins in the days after `first` and has one of these lengths, less a day."""
    begin = first.toordinal() + random.randrange(days)
    return date.fromordinal(begin), date.fromordinal(begin + random.choice(lengths))


def random_geo_marketing_question(truth: Truth, random: Random, period: Period, tags: tuple[str, ...]) -> Question:
    """Return a question about geo-marketing, with any scope, buckets and filters."""
    codes = [area.code for area in truth.areas]
    return Question(
        *period,
        mode=random.choice(("histogram", "aggregation")),
        granularity=random.choice(("day", "week", "month", "year")),
        scope=random.choice(("globals", "sites", "homes", "works", "zones", "pois")),
        uplift=random.random() < 0.5,
        study=random.choice(truth.studies).id,
        sites=random_filter(random, [site.id for site in truth.sites]),
        pois=random_filter(random, [poi.id for poi in truth.pois]),
        homes=random_filter(random, codes),
        works=random_filter(random, codes[:2]),
        zones=random_filter(random, codes) if random.random() < 0.2 else None,
        tags=random_filter(random, list(tags)),
        weekdays=frozenset(random.sample(range(1, 8), 3)) if random.random() < 0.3 else None,
    )


def random_presence_question(truth: Truth, random: Random, period: Period, tags: tuple[str, ...]) -> Question:
    """Return a question about presence, with any scope, buckets and filters."""
    return Question(
        *period,
        mode=random.choice(("histogram", "aggregation")),
        granularity=random.choice(("day", "week", "month", "year")),
        scope=random.choice(("globals", "sites", "equipments")),
        sites=random_filter(random, [site.id for site in truth.sites]),
        equipments=random_filter(random, [equipment.id for equipment in truth.equipments]),
        tags=random_filter(random, list(tags)),
        weekdays=frozenset(random.sample(range(1, 8), 3)) if random.random() < 0.3 else None,
    )


def random_performance_question(truth: Truth, random: Random) -> Question:
    """Return a question about store performance, with any scope, buckets and filters."""
    first, last = random_period(random, random.choice(BURSTS)[0], 18, (0, 6, 20, 50, 230))
    question = Question(
        first,
        last,
        mode=random.choice(("histogram", "aggregation")),
        granularity=random.choice(("day", "week", "month", "year")) if (last - first).days < 60 else "month",
        scope=random.choice(("globals", "sites", "channels")),
        uplift=random.random() < 0.5,
        sites=random_campaign_filter(random, [site.id for site in truth.sites]),
        tags=random_campaign_filter(random, ["city", "flagship"], 0.15),
        channels=random_campaign_filter(random, ["offline", "online"]),
        weekdays=frozenset(random.sample(range(1, 8), 3)) if random.random() < 0.15 else None,
    )
    return name_random_site(question, truth, random, 0.2)


def name_random_site(question: Question, truth: Truth, random: Random, chance: float) -> Question:
    """Return a question about one site instead of several, in some of the cases."""
    if random.random() >= chance:
        return question
    question = replace(question, site=random.choice(truth.sites).id, sites=None, tags=None)
    return replace(question, scope="globals") if question.scope == "sites" else question


def random_conversion_question(truth: Truth, random: Random) -> Question:
    """Return a question about conversion, with any scope, buckets and filters."""
    first = random.choice(BURSTS)[0].toordinal() + random.randrange(-3, 18)
    question = Question(
        date.fromordinal(first),
        date.fromordinal(first + random.choice((0, 6, 20, 50, 230))),
        mode=random.choice(("histogram", "aggregation")),
        granularity=random.choice(("week", "month", "year")),
        scope=random.choice(CAMPAIGN_SCOPES),
        uplift=random.random() < 0.5,
        sites=random_campaign_filter(random, [site.id for site in truth.sites]),
        tags=random_campaign_filter(random, ["city", "flagship"], 0.15),
        campaigns=random_campaign_filter(random, [campaign.id for campaign in truth.campaigns]),
        levers=random_campaign_filter(random, sorted({campaign.lever for campaign in truth.campaigns})),
        extras=random_campaign_filter(random, ["segment:vip", "wave:1", "wave:2", "paid:true", "no:such"]),
        weekdays=frozenset(random.sample(range(1, 8), 3)) if random.random() < 0.15 else None,
    )
    return name_random_site(question, truth, random, 0.2)
