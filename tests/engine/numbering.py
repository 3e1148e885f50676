"""The numbers of days and of users in rows."""

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


def user_numbers(truth: Truth) -> dict[str, int]:
    """Return a number for every user; numbers are not in the order of names."""
    users = {stay.user for stay in truth.stays} | {panelist.user for panelist in truth.panelists}
    users |= {touch.user for touch in truth.touches} | {visit.user for visit in truth.visits}
    users |= {purchase.user for purchase in truth.purchases}
    return {user: number for number, user in enumerate(sorted(users, key=lambda user: user[::-1]))}
