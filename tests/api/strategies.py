"""Random questions about geo-marketing and presence, for the tests of routes."""

from dataclasses import replace
from datetime import date
from random import Random

from tests.by_hand.question import Question
from tests.by_hand.truth import Truth
from tests.engine.strategies import random_filter
from tests.truth.places import AREAS

PERIODS = (date(2020, 12, 18), date(2024, 3, 18), date(2024, 10, 14))  # when events of the truths begin
TAGS = ("city", "flagship", "no such tag")


def draw_geo_marketing_question(truth: Truth, random: Random) -> Question:
    """Draw a question about geo-marketing, with any scope, filters and period."""
    first = random.choice(PERIODS).toordinal() + random.randrange(-5, 20)
    codes = [area.code for area in AREAS]
    question = Question(
        date.fromordinal(first),
        date.fromordinal(first + random.choice((0, 3, 29, 45, 400))),
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
        tags=random_filter(random, list(TAGS)),
        weekdays=frozenset(random.sample(range(1, 8), 3)) if random.random() < 0.3 else None,
    )
    return _draw_site(question, truth, random)


def draw_presence_question(truth: Truth, random: Random) -> Question:
    """Draw a question about presence, with any scope, filters and period."""
    first = random.choice(PERIODS).toordinal() + random.randrange(-5, 20)
    question = Question(
        date.fromordinal(first),
        date.fromordinal(first + random.choice((0, 3, 29, 45, 400))),
        mode=random.choice(("histogram", "aggregation")),
        granularity=random.choice(("day", "week", "month", "year")),
        scope=random.choice(("globals", "sites", "equipments")),
        sites=random_filter(random, [site.id for site in truth.sites]),
        equipments=random_filter(random, [equipment.id for equipment in truth.equipments]),
        tags=random_filter(random, list(TAGS)),
        weekdays=frozenset(random.sample(range(1, 8), 3)) if random.random() < 0.3 else None,
    )
    return _draw_site(question, truth, random)


def _draw_site(question: Question, truth: Truth, random: Random) -> Question:
    """Make some of the questions about one site."""
    if random.random() >= 0.4:
        return question
    question = replace(question, site=random.choice(truth.sites).id, sites=None, tags=None)
    return replace(question, scope="globals") if question.scope == "sites" else question
