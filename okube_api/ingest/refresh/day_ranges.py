"""Days in spans of days, as changes are worked through: (first, last), both included, ascending and apart."""

from collections.abc import Iterable, Iterator, Sequence

from okube_api.ingest.columns.columns import Span
from okube_api.ingest.refresh.context import RefreshTask


def spans_of(task: RefreshTask) -> list[Span]:
    """The days that a task is about: those whose events come or go, and those to be written whatever happened."""
    return joined([*task.changed_days, *((day, day) for day in task.extra_days)])


def joined(spans: Iterable[Span]) -> list[Span]:
    """The same days, each once."""
    found: list[Span] = []
    for first, last in sorted(spans):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def group_days(days: Sequence[int], longest: int) -> Iterator[list[int]]:
    """Ascending days in groups, each within so many days."""
    group: list[int] = []
    for day in days:
        if group and day - group[0] >= longest:
            yield group
            group = []
        group.append(day)
    if group:
        yield group
