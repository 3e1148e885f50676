"""Random questions about geo-marketing and presence, for the tests of routes."""

from datetime import date, timedelta
from random import Random

from tests.by_hand.question import Question
from tests.by_hand.truth import Truth
from tests.engine.strategies import (
    Period,
    name_random_site,
    random_geo_marketing_question,
    random_period,
    random_presence_question,
)

PERIODS = (date(2020, 12, 18), date(2024, 3, 18), date(2024, 10, 14))  # when events of the truths begin
TAGS = ("city", "flagship", "no such tag")


def draw_geo_marketing_question(truth: Truth, random: Random) -> Question:
    """Draw a question about geo-marketing, with any scope, filters and period."""
    question = random_geo_marketing_question(truth, random, _draw_period(random), TAGS)
    return name_random_site(question, truth, random, 0.4)


def draw_presence_question(truth: Truth, random: Random) -> Question:
    """Draw a question about presence, with any scope, filters and period."""
    question = random_presence_question(truth, random, _draw_period(random), TAGS)
    return name_random_site(question, truth, random, 0.4)


def _draw_period(random: Random) -> Period:
    return random_period(random, random.choice(PERIODS) - timedelta(days=5), 25, (0, 3, 29, 45, 400))
