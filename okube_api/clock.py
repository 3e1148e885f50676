"""The clock, passed in wherever an instant is needed so that tests can set it, and the length of a day."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]

DAY_S = 86_400
DAY_MS = DAY_S * 1000


def utc_now() -> datetime:
    """Return the current instant, timezone-aware, in UTC."""
    return datetime.now(UTC)


def stamp(instant: datetime) -> str:
    """Return an instant as RFC 3339 in UTC with milliseconds, the format of answers and documents."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
