"""Options of the command `ask` as arguments of a question: periods, scopes, filters and comparisons."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, get_args

from okube_api.catalogue.scopes import Scope
from okube_api.client.question import Grain
from okube_api.errors import format_suggestion

PERIODS = (
    "yesterday",
    "last-30-days",
    "this-week",
    "last-week",
    "this-month",
    "last-month",
    "this-quarter",
    "last-quarter",
    "this-year",
    "last-year",
)
COMPARISONS = ("previous-period", "previous-year", "previous-year-same-weekday", "previous-month", "previous-quarter")
GRAINS: tuple[str, ...] = get_args(Grain)

_SCOPES = tuple(scope.value for scope in Scope if scope is not Scope.GLOBALS)
_RANGE = re.compile(r"(\d{4}-\d\d-\d\d)\.\.(\d{4}-\d\d-\d\d)")
_NUMBERS = re.compile(r"(\d{1,2})(?:-(\d{1,2}))?")
_INTEGER_FILTERS = {"hours": (0, 23), "weekdays": (1, 7), "days.weekdays": (1, 7)}
"""Filters on numbers, with the first and the last one: a range such as 22-2 goes on with the first after the last."""

_BOOLEAN_FILTERS = frozenset({"opening", "days.publicHolidays"})
_SWITCHES = {"true": True, "false": False}


class BadOption(ValueError):
    """An option of a command has a value that it cannot have."""


def check_period(word: str) -> None:
    """Raise BadOption for a word that is not one of PERIODS."""
    if word not in PERIODS:
        usable = ", ".join((*PERIODS, "or days such as 2026-01-01..2026-01-31"))
        raise BadOption(f"Unknown period '{word}'.{format_suggestion(word, PERIODS)} Use one of: {usable}.")


def find_period(word: str, today: date, week_start: int) -> tuple[date, date]:
    """Return the first and the last day of a period; `this-...` goes to its end, which may be in the future.

    word: one of PERIODS.
    week_start: the ISO weekday on which weeks start.
    """
    if word == "yesterday":
        return (today - timedelta(1),) * 2
    if word == "last-30-days":
        return today - timedelta(30), today - timedelta(1)
    which, _, length = word.partition("-")
    if length == "week":
        start = today - timedelta((today.isoweekday() - week_start) % 7)
        following = start + timedelta(7)
        previous = start - timedelta(7)
    else:
        months = {"month": 1, "quarter": 3, "year": 12}[length]
        number = (today.year * 12 + today.month - 1) // months * months
        previous, start, following = (_start_month(number + step * months) for step in (-1, 0, 1))
    return (start, following - timedelta(1)) if which == "this" else (previous, start - timedelta(1))


def _start_month(number: int) -> date:
    """Return the first day of a month, whose number is `year * 12 + month - 1`."""
    return date(number // 12, number % 12 + 1, 1)


def parse_days(text: str) -> tuple[date, date] | None:
    """Return the days of a text such as `2026-01-01..2026-01-31`; None for another one.

    Raise BadOption for days that do not exist.
    """
    match = _RANGE.fullmatch(text)
    return None if match is None else (_parse_day(match[1]), _parse_day(match[2]))


def _parse_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadOption(f"'{text}' is not a day of the calendar.") from None


def parse_granularity(text: str) -> str:
    """Return a granularity as the API names it; `hour-of-week` is `hourOfWeek` there.  Raise BadOption."""
    name = _join_words(text)
    if name not in GRAINS:
        raise BadOption(
            f"Unknown granularity '{text}'.{format_suggestion(name, GRAINS)} Use one of: {', '.join(GRAINS)}."
        )
    return name


def parse_comparisons(texts: Sequence[str]) -> list[str | tuple[str, str]]:
    """Return the periods to compare with: names as the API has them, or pairs of days.  Raise BadOption."""
    targets: list[str | tuple[str, str]] = []
    for text in texts:
        if (days := parse_days(text)) is not None:
            targets.append((days[0].isoformat(), days[1].isoformat()))
            continue
        if (name := _join_words(text)) not in map(_join_words, COMPARISONS):
            usable = ", ".join((*COMPARISONS, "or days such as 2026-01-01..2026-01-31"))
            raise BadOption(f"Unknown comparison '{text}'.{format_suggestion(text, COMPARISONS)} Use one of: {usable}.")
        targets.append(name)
    return targets


def parse_scopes(
    texts: Sequence[str], options: Mapping[str, Any]
) -> tuple[dict[str, bool | Mapping[str, Any]], list[Any]]:
    """Return the scopes, with their options, and the groupings of a question.

    texts: scopes such as `sites`; one grouping such as `sites.type`, or two with a comma: `sites.type,sites`.
    options: such as `limit`, for each scope and for the innermost grouping.
    Raise BadOption.
    """
    scopes: dict[str, bool | Mapping[str, Any]] = {}
    groupings: list[Any] = []
    for text in texts:
        names = [_find_plural(name.strip()) for name in text.split(",")]
        for name in names:
            if name.partition(".")[0] not in _SCOPES:
                suggestion = format_suggestion(name, _SCOPES)
                usable = f"{', '.join(_SCOPES)}; or a grouping such as sites.type"
                raise BadOption(f"Unknown scope '{name}'.{suggestion} Use one of: {usable}.")
        if len(names) == 1 and "." not in names[0]:
            scopes[names[0]] = dict(options) or True
        elif groupings:
            raise BadOption("Give one grouping only. Two groupings are nested with a comma: --scope sites.type,sites")
        else:
            groupings = [*names[:-1], {"of": names[-1], **options} if options else names[-1]]
    return scopes, groupings


def parse_filters(texts: Sequence[str]) -> dict[str, Any]:
    """Return the filters of a question.

    texts: such as `site=lyon,paris`, `campaigns.provider!=Adline`, `hours=10-18`, or `FIELD=JSON`. Values of the same
    filter add up.
    Raise BadOption.
    """
    filters: dict[str, Any] = {}
    for text in texts:
        name, separator, value = text.partition("=")
        is_excluded = name.endswith("!")
        name = _find_plural(name.removesuffix("!").strip())
        if not separator or not name or not value.strip():
            raise BadOption("--filter must be written as FIELD=VALUE[,VALUE...], or FIELD!=VALUE[,VALUE...].")
        parent, leaf = (filters.setdefault("days", {}), name[5:]) if name.startswith("days.") else (filters, name)
        _add_values(parent, leaf, _parse_values(name, value.strip()), is_excluded=is_excluded)
    return filters


def _add_values(filters: dict[str, Any], name: str, values: Any, *, is_excluded: bool) -> None:
    if is_excluded:
        if not isinstance(values, list):
            raise BadOption(f"--filter {name}!=: Use --filter {name}= with the opposite value.")
        values = {"not": values}
    present = filters.get(name)
    if present is None:
        filters[name] = values
    elif isinstance(present, list) and isinstance(values, list):
        present.extend(values)
    elif is_excluded and isinstance(present, dict) and "not" in present:
        present["not"].extend(values["not"])
    else:
        raise BadOption(f"--filter {name} was given twice with values that do not add up.")


def _parse_values(name: str, text: str) -> Any:
    """Return the values of a filter as the API has them.  Raise BadOption."""
    if text[0] in "[{":
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise BadOption(f"--filter {name}: the value is no JSON ({error}).") from None
    if name in _BOOLEAN_FILTERS or (name == "days.schoolHolidays" and text.lower() in _SWITCHES):
        if text.lower() not in _SWITCHES:
            raise BadOption(f"--filter {name} must be true or false.")
        return _SWITCHES[text.lower()]
    values = [value for each in text.split(",") if (value := each.strip())]
    if name not in _INTEGER_FILTERS:
        return values
    numbers: list[int] = []
    for value in values:
        if (match := _NUMBERS.fullmatch(value)) is None:
            raise BadOption(f"--filter {name}: '{value}' is neither a number nor a range such as 10-18.")
        start, end = int(match[1]), int(match[2] or match[1])
        first, last = _INTEGER_FILTERS[name]
        numbers.extend(range(start, end + 1) if end >= start else (*range(start, last + 1), *range(first, end + 1)))
    return numbers


def _find_plural(name: str) -> str:
    """Return the name of a scope or filter, of which a value may be named: `site` is `sites` there."""
    first, dot, rest = name.partition(".")
    plurals = (*_SCOPES, "tags", "hours", "weekdays", "days")
    return f"{first}s{dot}{rest}" if f"{first}s" in plurals else name


def _join_words(text: str) -> str:
    """Return a name of the API for one with hyphens: `previous-year` is `previousYear` there."""
    return re.sub(r"-(\w)", lambda match: match[1].upper(), text)
