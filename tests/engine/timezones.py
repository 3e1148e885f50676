"""The time zones of the places of a question, as the engine takes them."""

from okube_api.engine.place_timezones import PlaceTimezones

from tests.by_hand.question import Question, select_pois, select_sites
from tests.by_hand.truth import Truth


def build_timezones(truth: Truth, question: Question) -> PlaceTimezones:
    """Return the time zones of the sites and POIs of a question."""
    places = (*select_sites(truth, question), *select_pois(truth, question))
    names = tuple(dict.fromkeys(truth.zone_of(place.id) for place in places)) or (truth.timezone,)
    return PlaceTimezones(names, {place.id: names.index(truth.zone_of(place.id)) for place in places})
