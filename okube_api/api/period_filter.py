"""Filters of lists by days of another time zone than that of the application."""

from collections import defaultdict

from okube_api.api.container import Services
from okube_api.kit.period_query import PeriodQuery
from okube_api.store.conditions import EVERYTHING, AnyOf, Condition, OneOf


async def match_shifted_days(query: PeriodQuery, readable: Condition, services: Services) -> Condition:
    """Return the condition on `from` and `to` of a query with `tz`, for the applications that are readable.

    Days begin at different instants in applications of different time zones.
    """
    if not query.shifts_days:
        return EVERYTHING
    ids = [str(value) for value in readable.values] if isinstance(readable, OneOf) else None
    by_timezone: defaultdict[str, list[str]] = defaultdict(list)
    for application in await services.applications.find_all(ids):
        by_timezone[application["timezone"]].append(application["_id"])
    return AnyOf(
        tuple(
            OneOf("application", tuple(applications)) & query.match_days_in(timezone)
            for timezone, applications in by_timezone.items()
        )
    )
