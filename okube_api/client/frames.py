"""Data frames of answers, for pandas and Polars."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from okube_api.client.answer_rows import (
    WHOLE_PERIOD,
    AnswerRow,
    has_buckets,
    is_by_instant,
    list_rows,
    name_period,
)
from okube_api.client.errors import MissingExtra
from okube_api.leaf_parts import PART_COLUMNS

if TYPE_CHECKING:
    import pandas
    import polars

FrameLayout = Literal["wide", "long"]
_HEAD = ("kpi", "mode", "scope", "granularity")
_TIMES = frozenset({"date", "time", "compared_from"})
"""Columns of days, or by hour of instants."""
_EDGES = ("item_from", "item_to")
_LONG_NUMBERS = frozenset({*_EDGES, "value", "share", "compared_value", "change"})
_ITEM_COLUMNS = tuple(name for name in PART_COLUMNS if name not in {"field", "unit", "measure"})


@dataclass(frozen=True, slots=True)
class FrameColumns:
    """The columns of a frame.

    numbers: names of the columns that have numbers; other columns, besides the index, have texts.
    index: name of the column that is the index in pandas; None when rows are of the whole period.
    timezone: of an index of instants.
    """

    columns: Mapping[str, list[Any]]
    numbers: Collection[str]
    index: str | None
    timezone: str | None = None

    def to_pandas(self) -> "pandas.DataFrame":
        """Return the columns as a pandas frame."""
        pd = import_extra("pandas")
        series = {name: self._build_pandas_column(pd, name) for name in self.columns if name != self.index}
        frame: pandas.DataFrame = pd.DataFrame(series)
        if self.index is not None:
            frame.index = pd.Index(self._build_pandas_column(pd, self.index), name=self.index)
        return frame

    def to_polars(self) -> "polars.DataFrame":
        """Return the columns as a Polars frame."""
        pl = import_extra("polars")
        series = [
            pl.Series(name, values, dtype=self._choose_polars_type(pl, name)) for name, values in self.columns.items()
        ]
        frame: polars.DataFrame = pl.DataFrame(series)
        return frame

    def _build_pandas_column(self, pd: Any, name: str) -> Any:
        values = self.columns[name]
        if name in _TIMES:
            times = pd.DatetimeIndex(pd.to_datetime(values, utc=self.timezone is not None)).as_unit("us")
            return times if self.timezone is None else times.tz_convert(self.timezone)
        if name in self.numbers:
            return _build_pandas_numbers(pd, values)
        return values if name == self.index else _build_pandas_texts(pd, values)

    def _choose_polars_type(self, pl: Any, name: str) -> Any:
        types = _find_types(self.columns[name])
        if name in _TIMES:
            return pl.Date if self.timezone is None else pl.Datetime("us", self.timezone)
        if _are_integers(self.columns[name]):
            return pl.Int64
        if name in self.numbers:
            return pl.Float64
        return pl.String if types <= {str} else None


def import_extra(name: str) -> Any:
    """Return a library of an extra.  Raise MissingExtra with what to install."""
    extra = "polars" if name == "polars" else "client"
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingExtra(f"This needs {name}: pip install 'okube-api[{extra}]'.") from error


def build_frame(
    results: Sequence[Mapping[str, Any]], meta: Mapping[str, Any], layout: FrameLayout, *, totals: bool | None
) -> FrameColumns:
    """Return the columns of a frame.

    totals: rows of the whole period instead of rows of buckets; None for buckets where there are any.
    Raise ValueError when the elements cannot be in one frame.
    """
    with_buckets = [has_buckets(element) for element in results]
    is_total = totals if totals is not None else not any(with_buckets)
    index = (
        None
        if is_total
        else _choose_index([element for element, has_any in zip(results, with_buckets, strict=True) if has_any])
    )
    rows = [row for row in list_rows(results, meta) if (row.bucket == WHOLE_PERIOD) is is_total]
    columns, numbers = _list_long(rows, index, results) if layout == "long" else _list_wide(rows, index, results)
    is_hourly = index is not None and any(map(is_by_instant, results))
    return FrameColumns(columns, numbers, index, meta["timezone"] if is_hourly else None)


def _choose_index(results: Sequence[Mapping[str, Any]]) -> str:
    """Return the name of the index: `date`, or the granularity of an aggregation."""
    names = {
        ("time" if is_by_instant(element) else "date")
        if element["mode"] == "histogram"
        else str(element["granularity"])
        for element in results
    }
    if len(names) > 1:
        raise ValueError(
            f"The buckets of this answer are of different kinds ({', '.join(sorted(names))}), which one index cannot "
            "have. Build a frame of each part: answer.select(kpi=..., granularity=...).to_pandas()."
        )
    return names.pop() if names else "date"


def _list_long(
    rows: Sequence[AnswerRow], index: str | None, results: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, list[Any]], Collection[str]]:
    """Return the columns of one line for each number, and which of them have numbers."""
    has_shares = any(row.share is not None for row in rows)
    is_compared = any(row.compared_to is not None for row in rows)
    groups = _list_names([*(row.group for row in rows), *_list_empty_groups(results)])
    parts = [name for name in PART_COLUMNS if any(getattr(row.part, name) is not None for row in rows)]
    columns: dict[str, list[Any]] = {} if index is None else {index: [row.start for row in rows]}
    columns |= {name: [getattr(row, name) for row in rows] for name in _HEAD}
    columns |= {name: [row.group.get(name) for row in rows] for name in groups}
    columns |= {name: [getattr(row.part, name) for row in rows] for name in parts}
    columns["value"] = [row.part.value for row in rows]
    if has_shares:
        columns["share"] = [row.share for row in rows]
    if is_compared:
        for name in ("compared_to", "compared_from", "compared_value", "change"):
            columns[name] = [getattr(row, name) for row in rows]
    return columns, _LONG_NUMBERS


def _list_wide(
    rows: Sequence[AnswerRow], index: str | None, results: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, list[Any]], Collection[str]]:
    """Return the columns of one line for each bucket, scope value and item, and which of them have numbers.

    Each KPI or field of it has a column, also a KPI without any value.
    """
    groups = _list_names([*(row.group for row in rows), *_list_empty_groups(results)])
    heads = [name for name in _HEAD[1:] if len({getattr(row, name) for row in rows}) > 1]
    items = [name for name in _ITEM_COLUMNS if any(getattr(row.part, name) is not None for row in rows)]
    identity_names = [*([] if index is None else [index]), *heads, *groups, *items]
    lines: dict[tuple[Any, ...], dict[str, Any]] = {}
    names_by_kpi: dict[str, dict[str, None]] = {element["kpi"]: {} for element in results}
    for row in rows:
        identity = (
            *(() if index is None else (row.start,)),
            *(getattr(row, name) for name in heads),
            *(row.group.get(name) for name in groups),
            *(getattr(row.part, name) for name in items),
        )
        name = row.kpi if row.part.field is None else f"{row.kpi}.{row.part.field}"
        values = {name: row.part.value}
        if row.share is not None:
            values[f"{row.kpi}.share"] = row.share
        if row.compared_to is not None:
            values |= dict(zip(_name_compared(name, row.compared_to), (row.compared_value, row.change), strict=True))
        names_by_kpi[row.kpi] |= dict.fromkeys(values)
        lines.setdefault((*identity, row.bucket), {}).update(values)
    for element in results:
        if not names_by_kpi[element["kpi"]]:
            compared = (name_period(comparison["to"]) for comparison in element.get("comparisons") or ())
            names = (element["kpi"], *(name for period in compared for name in _name_compared(element["kpi"], period)))
            names_by_kpi[element["kpi"]] = dict.fromkeys(names)
    columns: dict[str, list[Any]] = {
        name: [identity[position] for identity in lines] for position, name in enumerate(identity_names)
    }
    numbers = {name: [line.get(name) for line in lines.values()] for names in names_by_kpi.values() for name in names}
    return columns | numbers, {*numbers, *_EDGES}


def _name_compared(name: str, period: str) -> tuple[str, str]:
    """Return the names of the columns of a compared value and of its change."""
    return f"{name}.{period}", f"{name}.{period}.change"


def _list_empty_groups(results: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return a group without properties if an element has scope values, so that its column is always there."""
    return [{"id": None}] if any(element["scope"] != "globals" for element in results) else []


def _list_names(groups: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the names of the columns of groups; the outer value comes first."""
    names: dict[str, None] = {}
    for group in groups:
        names |= dict.fromkeys(group)
    return sorted(names, key=lambda name: not name.startswith("outer_"))


def _find_types(values: Sequence[Any]) -> set[type]:
    return {type(value) for value in values if value is not None}


def _build_pandas_numbers(pd: Any, values: list[Any]) -> Any:
    """Return a column: whole numbers as integers (with gaps, as `Int64`), others as floats."""
    if _are_integers(values):
        return pd.array(values, dtype="Int64" if None in values else "int64")
    return pd.array([float("nan") if value is None else float(value) for value in values], dtype="float64")


def _build_pandas_texts(pd: Any, values: list[Any]) -> Any:
    # The type `str` of pandas 2 turns None into a text.
    is_plain = _find_types(values) <= {str} and not pd.__version__.startswith("2.")
    return pd.array(values, dtype="str") if is_plain else pd.Series(values, dtype="object").array


def _are_integers(values: Sequence[Any]) -> bool:
    return _find_types(values) == {int} and all(value is None or -(2**63) <= value < 2**63 for value in values)
