"""A reader of plain rows in plain Python: the meaning of every node of a plan, without a database."""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

import pyarrow as pa
from okube_api.store.conditions import EVERYTHING, AllOf, AnyOf, Between, Condition, Missing, Not, OneOf, Overlaps
from okube_api.store.plans import Aggregate, Band, Count, Each, Max, Measure, Min, Select, Sum
from okube_api.store.schema import ColumnType, Table

Row = dict[str, Any]
TYPES = {
    ColumnType.TEXT: pa.string(),
    ColumnType.TEXTS: pa.list_(pa.string()),
    ColumnType.INTEGER: pa.int64(),
    ColumnType.INTEGERS: pa.list_(pa.int64()),
    ColumnType.NUMBER: pa.float64(),
    ColumnType.BOOLEAN: pa.bool_(),
    ColumnType.BYTES: pa.binary(),
    ColumnType.WIDE_INTEGER: pa.decimal128(38, 0),
}


def matches(row: Row, condition: Condition) -> bool:  # noqa: PLR0911 - one return a node
    """Return whether a row meets a condition."""
    match condition:
        case OneOf(field, values):
            return row.get(field) in values
        case Overlaps(field, values):
            return bool(set(row.get(field) or ()) & set(values))
        case Between(field, low, high):
            value = row.get(field)
            return value is not None and (low is None or value >= low) and (high is None or value <= high)
        case Missing(field):
            return row.get(field) is None
        case Not(inner):
            return not matches(row, inner)
        case AllOf(parts):
            return all(matches(row, part) for part in parts)
        case AnyOf(parts):
            return any(matches(row, part) for part in parts)
    raise NotImplementedError(condition)


def find_band(value: int | None, edges: tuple[int, ...]) -> int:
    """Return the index of the band of a value, -1 when the value is None."""
    return -1 if value is None else max(sum(edge <= value for edge in edges) - 1, 0)


class Memory:
    """Tables of rows; a `Reader` of one application."""

    def __init__(self, tables: Mapping[str, list[Row]]) -> None:
        self.tables = tables
        self.plans: list[Aggregate | Select] = []

    @property
    def version(self) -> str:
        return f"memory {id(self)}"

    def version_of(self, source: Table) -> str:
        return f"{self.version} {source.name}"

    async def aggregate(self, plan: Aggregate) -> pa.Table:
        self.plans.append(plan)
        return self._aggregate(plan)

    async def select(self, plan: Select) -> pa.Table:
        self.plans.append(plan)
        rows = [row for row in self.tables.get(plan.source.name, ()) if matches(row, plan.where)]
        return build_table(rows, {name: TYPES[plan.source.type_of(name)] for name in plan.columns})

    async def read_parts(
        self, table: Table, low: int, high: int, where: Condition = EVERYTHING
    ) -> AsyncIterator[pa.Table]:
        rows = [row for row in self.tables.get(table.name, ()) if low <= row["part"] <= high and matches(row, where)]
        if rows:
            yield build_table(rows, {column.name: TYPES[column.type] for column in table.columns})

    async def list_parts(self, source: Table, batch: int | None = None) -> list[int]:
        return sorted({row["part"] for row in self.tables.get(source.name, ())})

    def to_statement(self, plan: Aggregate | Select) -> Any:
        return repr(plan)

    def _aggregate(self, plan: Aggregate) -> pa.Table:
        if isinstance(plan.source, Aggregate):
            below = self._aggregate(plan.source)
            source: Iterable[Row] = below.to_pylist()
            kinds = {name: below.schema.field(name).type for name in below.column_names}
        else:
            source = self.tables.get(plan.source.name, ())
            kinds = {column.name: TYPES[column.type] for column in plan.source.columns}
        groups: defaultdict[tuple[Any, ...], list[Row]] = defaultdict(list)
        if not plan.by:
            groups[()] = []
        for row in source:
            if matches(row, plan.where):
                for key in self._keys(row, plan):
                    groups[key].append(row)
        types = {
            (by if isinstance(by, str) else by.name): kinds[by]
            if isinstance(by, str)
            else (pa.int64() if isinstance(by, Band) else pa.string())
            for by in plan.by
        }
        rows = [
            dict(zip(types, map(unfreeze, key), strict=True))
            | {measure.name: compute_measure(measure, members) for measure in plan.measures}
            for key, members in groups.items()
        ]
        for measure in plan.measures:
            is_wide = any(not -(2**63) <= (row[measure.name] or 0) < 2**63 for row in rows)
            types[measure.name] = TYPES[ColumnType.WIDE_INTEGER if is_wide else ColumnType.INTEGER]
        return build_table(rows, types)

    def _keys(self, row: Row, plan: Aggregate) -> list[tuple[Any, ...]]:
        keys: list[tuple[Any, ...]] = [()]
        for by in plan.by:
            match by:
                case Band(field, edges, _):
                    values = [find_band(row.get(field), edges)]
                case Each(field, _):
                    values = list(set(row.get(field) or ()))
                case _:
                    values = [freeze(row.get(by))]
            keys = [(*key, value) for key in keys for value in values]
        return keys


def freeze(value: Any) -> Any:
    """Return a hashable value to group by."""
    return tuple(value) if isinstance(value, list) else value


def unfreeze(value: Any) -> Any:
    """Return the value that was grouped by."""
    return list(value) if isinstance(value, tuple) else value


def compute_measure(measure: Measure, rows: list[Row]) -> int | None:
    """Compute a measure over rows."""
    match measure:
        case Count(_):
            return len(rows)
        case Sum(field, _, times):
            return sum((row[field] or 0) * (row[times] if times else 1) for row in rows)
        case Min(field, _):
            return min((row[field] for row in rows if row[field] is not None), default=None)
        case Max(field, _):
            return max((row[field] for row in rows if row[field] is not None), default=None)
    raise NotImplementedError(measure)


def build_table(rows: list[Row], types: Mapping[str, pa.DataType]) -> pa.Table:
    """Convert rows to an Arrow table."""
    return pa.table({name: pa.array([row[name] for row in rows], type_) for name, type_ in types.items()})
