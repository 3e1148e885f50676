"""The numbers of days, hours and users in rows."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from tests.by_hand.truth import Truth
from tests.engine.memory import Row


def bucket_numbers(day: int) -> Row:
    """Return the columns of a fact's row that depend on its day."""
    plain = (np.datetime64("1970-01-01") + (day - 1)).astype(object)
    return {
        "part": day,
        "day": day,
        "week": (day + 2) // 7,
        "month": plain.year * 12 + plain.month - 1,
        "year": plain.year,
        "month_of_year": plain.month,
        "weekday": plain.isoweekday(),
        "isoweek": plain.isocalendar().week,
    }


HALF_HOUR_CHANGES = frozenset({"Australia/Lord_Howe"})
"""Time zones whose clock moves by half an hour."""


def hour_columns(at: datetime, day: date, timezone: str) -> Row:
    """Return the columns of a fact's row that depend on its instant.

    day: the local day that the row belongs to.
    """
    zone = ZoneInfo(timezone)
    local = at.astimezone(zone)
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    step = timedelta(minutes=30 if timezone in HALF_HOUR_CHANGES else 60)
    elapsed = (at.astimezone(UTC) - midnight) // step * step
    return {
        "elapsed_min": elapsed // timedelta(minutes=1),
        "hour_of_day": local.hour,
        "minute_of_day": local.hour * 60 + local.minute,
    }


def user_numbers(truth: Truth) -> dict[str, int]:
    """Return a number for every user; numbers are not in the order of names."""
    users = {stay.user for stay in truth.stays} | {panelist.user for panelist in truth.panelists}
    users |= {touch.user for touch in truth.touches} | {visit.user for visit in truth.visits}
    users |= {purchase.user for purchase in truth.purchases}
    return {user: number for number, user in enumerate(sorted(users, key=lambda user: user[::-1]))}
