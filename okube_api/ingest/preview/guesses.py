"""Guesses what a file is: its kind, and the column of each field.

A column is scored for a field by its name, by the type of its values, and by how many of them name a resource of the
application.  The pairs of the highest scores are the mapping; a kind is scored by the pairs of its required fields and
by how many columns it uses.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from okube_api.ingest.field_names import (
    CUSTOMER_WORDS,
    LOYALTY_WORDS,
    MIN_NAME_SCORE,
    list_field_names,
    score_name,
    split_name,
)
from okube_api.ingest.preview.column_types import GuessedType, SampleColumn
from okube_api.kit.cells import ValueType, read_duration_s

_SINGLE_CANDIDATE = 0.45  # for the only column of a type that no other field has
_DAY_ALONE = 0.4  # for an instant of which the file has the day only
_MIN_MATCHES = 0.3
_PANEL_KINDS = ("stays", "pings", "panelists")
_MEMBERS_AS_PANEL = 0.8  # a retailer's file with the duration of each visit is no file of a panel
_CUSTOMERS_AS_PANEL = 0.9  # may be such a file: both kinds are close then
_MAX_COLUMNS = 200  # a file may have 1,000, and names of a column are compared with those of 200 fields


@dataclass(frozen=True, slots=True)
class TargetField:
    """A field that a column can be read into.

    allowed: the only texts that it may have.  pattern: of its texts.  low, high: limits of its numbers.
    units: in which its numbers may be, the first one if the sender does not say it.
    resource: the kind of resource that its values name.
    """

    name: str
    type: ValueType
    description: str = ""
    required: bool = False
    units: Sequence[str] = ()
    allowed: Sequence[str] = ()
    pattern: str | None = None
    low: float | None = None
    high: float | None = None
    resource: str | None = None


@dataclass(frozen=True, slots=True)
class TargetKind:
    """A kind of files.

    one_of: fields of which a row must have one.
    """

    name: str
    fields: Sequence[TargetField]
    one_of: Sequence[Sequence[str]] = ()


@dataclass(slots=True)
class ColumnGuess:
    """The columns of a file for the fields of a kind.

    mapper: column by field.  times: column of the time of day, by field of instants in two columns.
    units: unit by field.  missing: required fields without a column.
    scores: of the mapped fields, from 0 to 1.
    """

    mapper: dict[str, str] = field(default_factory=dict)
    times: dict[str, str] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    scores: dict[str, float] = field(default_factory=dict)


def guess_columns(
    kind: TargetKind,
    columns: Sequence[SampleColumn],
    known_names: Mapping[str, Collection[str]],
    given: Mapping[str, str],
) -> ColumnGuess:
    """Return the columns of a file for the fields of a kind.

    known_names: ids, keys and names of the application's resources, by kind of resource.
    given: the column by field, as the sender says; an empty text says that the file has none.
    """
    guess = ColumnGuess()
    columns = columns[:_MAX_COLUMNS]
    by_name = {column.name: column for column in columns}
    for name, column_name in given.items():
        if column_name in by_name:
            guess.mapper[name], guess.scores[name] = column_name, 1.0
    free = [column for column in columns if column.name not in guess.mapper.values()]
    open_fields = [target for target in kind.fields if target.name not in given]
    pairs = [
        (_score(kind.name, target, column, known_names), -position, target, column)
        for target in open_fields
        if target.type is not ValueType.INSTANT
        for position, column in enumerate(free)
    ]
    for target in open_fields:
        if target.type is ValueType.INSTANT:
            _guess_instant(kind.name, target, free, guess)
    used = {*guess.mapper.values(), *guess.times.values()}
    for score, _, target, column in sorted(pairs, key=lambda pair: pair[:2], reverse=True):
        if score >= MIN_NAME_SCORE and target.name not in guess.mapper and column.name not in used:
            guess.mapper[target.name], guess.scores[target.name] = column.name, min(score, 1.0)
            used.add(column.name)
    _fill_required(open_fields, [column for column in free if column.name not in used], guess)
    if _COST_DAYS.keys() | _COST_DAYS.values() <= {target.name for target in open_fields}:
        _move_days_to_costs(guess, by_name)
    for target in kind.fields:
        if target.units and target.name in guess.mapper:
            unit = _guess_unit(guess.mapper[target.name], target.units)
            guess.units |= {target.name: unit} if unit is not None else {}
    guess.missing = [target.name for target in kind.fields if target.required and target.name not in guess.mapper]
    guess.missing += [names[0] for names in kind.one_of if not any(name in guess.mapper for name in names)]
    return guess


def score_kind(kind: TargetKind, columns: Sequence[SampleColumn], guess: ColumnGuess) -> float:
    """Return how likely a file is of a kind, from 0 to 1."""
    needed = [target.name for target in kind.fields if target.required]
    scores = [guess.scores.get(name, 0.0) for name in needed]
    scores += [max(guess.scores.get(name, 0.0) for name in names) for names in kind.one_of]
    filled = _list_filled(columns)
    used = {*guess.mapper.values(), *guess.times.values()}
    weights = sum(guess.scores.get(name, 1.0) for name, column in guess.mapper.items() if column in filled)
    weights += sum(column in filled and column not in guess.mapper.values() for column in used)
    coverage = min(weights / max(len(filled), 1), 1.0)
    customers = find_customers(kind, guess)
    factor = 1.0
    if customers is not None:
        has_members = not LOYALTY_WORDS.isdisjoint(split_name(customers))
        factor = _MEMBERS_AS_PANEL if has_members else _CUSTOMERS_AS_PANEL
    return round(factor * sum(scores) / max(len(scores), 1) * (0.3 + 0.7 * coverage), 3)


def find_customers(kind: TargetKind, guess: ColumnGuess) -> str | None:
    """Return the column of a panel's kind that seems to name customers of the retailer, None without one."""
    column = guess.mapper.get("user", "")
    is_customer = not (LOYALTY_WORDS | CUSTOMER_WORDS).isdisjoint(split_name(column))
    return column if kind.name in _PANEL_KINDS and is_customer else None


def list_unused(columns: Sequence[SampleColumn], guess: ColumnGuess) -> list[str]:
    """Return the columns with values that no field takes."""
    used = {*guess.mapper.values(), *guess.times.values()}
    return [name for name in _list_filled(columns) if name not in used]


def _list_filled(columns: Sequence[SampleColumn]) -> list[str]:
    return [column.name for column in columns if column.type is not GuessedType.EMPTY]


def _score(kind: str, target: TargetField, column: SampleColumn, known_names: Mapping[str, Collection[str]]) -> float:
    """Return how likely a column has the values of a field, from 0 to 1.1."""
    name_score = score_name(split_name(column.name), list_field_names(kind, target.name))
    names_resource = target.resource is not None and bool(known_names.get(target.resource))
    if (name_score == 0 and not names_resource) or not _is_compatible(target, column):
        return 0.0
    if target.resource is None or not names_resource:
        return name_score
    names = known_names[target.resource]
    texts = {str(value) for value in column.values}
    matches = sum(text in names for text in texts) / max(len(texts), 1)
    if matches < _MIN_MATCHES:
        return name_score
    return max(name_score, 0.9 * matches) + 0.1 * matches


def _has_durations(column: SampleColumn) -> bool:
    return all(read_duration_s(value) is not None for value in column.values)


def _is_compatible(target: TargetField, column: SampleColumn) -> bool:
    """Return whether a field can have the values of a column."""
    if column.type is GuessedType.EMPTY:
        return True
    match target.type:
        case ValueType.NUMBER | ValueType.INTEGER:
            is_compatible = (column.type is GuessedType.NUMBER and _is_in_range(target, column)) or (
                column.type is GuessedType.TIME and "min" in target.units and _has_durations(column)
            )
        case ValueType.BOOLEAN:
            is_compatible = column.type is GuessedType.BOOLEAN or set(map(str, column.values)) <= {"0", "1"}
        case ValueType.DAY:
            is_compatible = column.type in (GuessedType.DAY, GuessedType.INSTANT)
        case _:
            is_compatible = column.type not in (GuessedType.DAY, GuessedType.INSTANT, GuessedType.TIME) and all(
                (not target.allowed or str(value) in target.allowed)
                and (target.pattern is None or re.search(target.pattern, str(value)) is not None)
                for value in column.values
            )
    return is_compatible


def _is_in_range(target: TargetField, column: SampleColumn) -> bool:
    if column.limits is None:
        return True
    low, high = column.limits
    return (target.low is None or low >= target.low) and (target.high is None or high <= target.high)


def _guess_instant(kind: str, target: TargetField, columns: Sequence[SampleColumn], guess: ColumnGuess) -> None:
    """Add the column of an instant, or those of its day and its time of day, to a guess."""
    names = list_field_names(kind, target.name)
    scores = {column.name: score_name(split_name(column.name), names) for column in columns}
    free = [column for column in columns if column.name not in {*guess.mapper.values(), *guess.times.values()}]

    def find_best(candidates: Sequence[SampleColumn], least: float) -> str | None:
        best = max(candidates, key=lambda column: scores[column.name], default=None)
        return best.name if best is not None and scores[best.name] >= least else None

    least = 0.0 if target.required else MIN_NAME_SCORE
    instant = find_best([column for column in free if column.type is GuessedType.INSTANT], MIN_NAME_SCORE)
    time = find_best([column for column in free if column.type is GuessedType.TIME], least)
    day = find_best([column for column in columns if column.type is GuessedType.DAY], 0.0)
    if instant is not None:
        guess.mapper[target.name], guess.scores[target.name] = instant, scores[instant]
    elif day is not None and time is not None:
        guess.mapper[target.name], guess.times[target.name] = day, time
        guess.scores[target.name] = max(scores[day], scores[time], _SINGLE_CANDIDATE)
    elif target.required and (only := find_best([c for c in free if c.type is GuessedType.INSTANT], 0.0)) is not None:
        guess.mapper[target.name], guess.scores[target.name] = only, _SINGLE_CANDIDATE
    elif target.required and day is not None:
        guess.mapper[target.name], guess.scores[target.name] = day, _DAY_ALONE


def _fill_required(targets: Sequence[TargetField], free: Sequence[SampleColumn], guess: ColumnGuess) -> None:
    """Map required days and numbers to the only column of their type that is left."""
    for target in targets:
        if not target.required or target.name in guess.mapper or target.type is ValueType.TEXT:
            continue
        candidates = [
            column for column in free if column.type is not GuessedType.EMPTY and _is_compatible(target, column)
        ]
        if len(candidates) == 1 and candidates[0].name not in guess.mapper.values():
            guess.mapper[target.name], guess.scores[target.name] = candidates[0].name, _SINGLE_CANDIDATE


_COST_DAYS = {"from": "cost_from", "to": "cost_to"}


def _move_days_to_costs(guess: ColumnGuess, by_name: Mapping[str, SampleColumn]) -> None:
    """Map days that differ among the rows of one campaign to its costs, since a campaign has one first and last day."""
    mapper = guess.mapper
    days = [mapper[name] for name in _COST_DAYS if name in mapper]
    if not days or not {"key", "cost"} <= mapper.keys() or any(name in mapper for name in _COST_DAYS.values()):
        return
    columns = [by_name[name].values for name in (mapper["key"], *days)]
    if len({len(values) for values in columns}) > 1:
        return  # some cells are empty: it is not known which rows the values are of
    rows = list(zip(*columns, strict=True))
    if len(set(rows)) == len({key for key, *_ in rows}):
        return
    for name in [name for name in _COST_DAYS if name in mapper]:
        mapper[_COST_DAYS[name]] = mapper.pop(name)
        guess.scores[_COST_DAYS[name]] = guess.scores.pop(name)


_UNIT_WORDS: Mapping[str, Collection[str]] = {
    "min": ("min", "minute", "minutes", "mn"),
    "h": ("h", "heure", "heures", "hour", "hours"),
    "s": ("s", "sec", "seconde", "secondes", "second", "seconds"),
    "ms": ("ms", "milliseconds", "millisecondes"),
    "d": ("d", "day", "days", "jour", "jours"),
    "km": ("km",),
    "m": ("m", "metres", "meters", "metre", "meter"),
    "ft": ("ft", "feet"),
    "mi": ("mi", "miles"),
    "km/h": ("kmh", "kph"),
    "m/s": ("mps",),
    "mph": ("mph",),
    "kn": ("kn", "knots"),
}


def _guess_unit(column: str, units: Sequence[str]) -> str | None:
    """Return the unit that the name of a column says, None when it says none."""
    words = re.findall(r"[a-z]+(?:/[a-z]+)?", column.lower())
    return next(
        (unit for unit in units if any(word == unit or word in _UNIT_WORDS.get(unit, ()) for word in words)), None
    )
