"""Buckets by hour: for how long a period, and in which time zones."""

from collections.abc import Sequence
from dataclasses import replace

from okube_api.analytics.directory import Directory
from okube_api.catalogue.scopes import PlaceRole
from okube_api.engine.calendar import Granularity, Mode
from okube_api.engine.place_timezones import PlaceTimezones
from okube_api.engine.question import Question
from okube_api.errors import Impossible
from okube_api.pois.repository import POIS
from okube_api.sites.repository import SITES


def check_hour_period(question: Question, most_days: int) -> None:
    """Raise Impossible for histograms by hour over more than `most_days` days."""
    days = question.period.last - question.period.first + 1
    if days <= most_days:
        return
    for request in question.requested_kpis:
        if request.temporals and request.granularity is Granularity.HOUR and request.mode is Mode.HISTOGRAM:
            message = (
                f"A histogram by hour has at most {most_days} days; this period has {days}. Ask for a shorter period, "
                "for days, or for the mode 'aggregation'."
            )
            raise Impossible.at("body", f"/params/{request.position}/granularity", message)


async def with_timezones(question: Question, timezone: str, directory: Directory) -> Question:
    """Return the question with the time zones of its places, if it has buckets by hour.

    timezone: that of the application.
    """
    roles = {term.slice.place[0] for term in question.list_hourly_terms() if term.slice.place is not None}
    if not roles:
        return question
    places = {place for role in roles for place in question.places.get(role, ())}
    of_place: dict[str, str] = {}
    for collection in (SITES,) if roles == {PlaceRole.SITES} else (SITES, POIS):
        details = await directory.load_details(collection)
        of_place |= {place: details[place].get("timezone") or timezone for place in places & details.keys()}
    return replace(question, timezones=_number_timezones(of_place, timezone))


def _number_timezones(of_place: dict[str, str], timezone: str) -> PlaceTimezones:
    """Return the time zones of places; the first is the application's, if a place or none has it."""
    others: Sequence[str] = sorted(set(of_place.values()) - {timezone})
    names = tuple(others) if others and timezone not in of_place.values() else (timezone, *others)
    codes = {name: code for code, name in enumerate(names)}
    return PlaceTimezones(names, {place: codes[name] for place, name in of_place.items() if codes[name]})
