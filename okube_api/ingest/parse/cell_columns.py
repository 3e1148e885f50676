"""Reads whole columns and single events by the rules of `kit/cells.py`.

A column has texts or typed values of any format; it is converted to the type of its field.  Columns in canonical form
are returned unchanged.  In other columns, all values that are not canonical are converted together by the patterns of
`kit/cells.py`.
"""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from okube_api.ingest.columns.timestamps import parse_days, parse_instants
from okube_api.ingest.parse.column_checks import FieldRule, get_field_rules, mark_valid_rows
from okube_api.kit.cells import (
    BLANKS,
    COMMA_PATTERN,
    GROUPED_PATTERN,
    INSTANT_PATTERN,
    NUMBER_PATTERN,
    CellFormat,
    DateOrder,
    DateOrderFinder,
    ValueType,
    read_value,
)
from okube_api.store.arrays import Flags
from okube_api.store.values import Json

_EPOCH_TEXT_PATTERN = "^(?:[0-9]{10}|[0-9]{13}|[0-9]{16})$"
_EPOCH_SCALES = ((10**9, 10**10, 10**3), (10**12, 10**13, 1), (10**15, 10**16, 10**-3))
"""For epochs in seconds, milliseconds and microseconds: the range [low, end) of values, and the ms per unit."""
_DAY_MICROSECONDS = 86_400_000_000
_NAMES: Mapping[ValueType, str] = {
    ValueType.TEXT: "texts",
    ValueType.NUMBER: "numbers",
    ValueType.INTEGER: "whole numbers",
    ValueType.BOOLEAN: "booleans",
    ValueType.INSTANT: "instants",
    ValueType.DAY: "days",
}


class UnreadableColumn(Exception):
    """A column with a type that its field cannot have; the message says why."""


class CellReader:
    """Reads the values of one file.

    decimal_comma, date_order: see `CellFormat`.  If there is no date order, it is inferred from the days read so far.
    """

    def __init__(self, kind: str, *, decimal_comma: bool = False, date_order: DateOrder | None = None) -> None:
        self.kind, self.decimal_comma = kind, decimal_comma
        self._rules = get_field_rules(kind)
        self._date_order = date_order
        self._dates = DateOrderFinder()

    @property
    def cell_format(self) -> CellFormat:
        """How values are written, as far as it is known from the values read so far."""
        return CellFormat(self.decimal_comma, self._date_order or self._dates.order)

    def note_days(self, event: Json) -> None:
        """Use the days of an event to infer the order of day and month."""
        self._dates.add(event.get(rule.name) for rule in self._rules if rule.value_type is ValueType.DAY)

    def read_event(self, event: Json) -> Json:
        """Return an event with values of the types of its model; values that cannot be read stay unchanged."""
        cell_format = self.cell_format
        types = {rule.name: rule.value_type for rule in self._rules}
        defaults = {rule.name for rule in self._rules if rule.schema.get("default") is not None}
        return {
            name: value if value is None or name not in types else read_value(value, types[name], cell_format)
            for name, value in event.items()
            if value is not None or name not in defaults
        }

    def read_rows(self, rows: pa.Table) -> tuple[pa.Table, Flags]:
        """Return the columns of `get_schema`, and which rows are valid.

        rows: some of the kind's columns, of any type.  Instants may stay timestamps with a time zone, days may stay
        dates.  Raise UnreadableColumn.
        """
        columns: dict[str, pa.Array | pa.ChunkedArray] = {}
        readable = np.ones(rows.num_rows, np.bool_)
        for rule in self._rules:
            if rule.name not in rows.column_names:
                columns[rule.name] = pa.nulls(rows.num_rows, rule.type)
            elif rows[rule.name].type == rule.type:
                columns[rule.name] = rows[rule.name]
            else:
                column = rows[rule.name].combine_chunks()
                values = columns[rule.name] = self._read_column(rule, column)
                if values.null_count > column.null_count:
                    readable &= _to_flags(values.is_valid()) | _to_flags(column.is_null())
            if (default := rule.schema.get("default")) is not None:
                columns[rule.name] = pc.fill_null(columns[rule.name], default)
        table = pa.table(columns)
        valid = mark_valid_rows(self.kind, table) & readable
        if valid.all():
            return table, valid
        texts = {rule.name: rule for rule in self._rules if rule.format and pa.types.is_string(columns[rule.name].type)}
        if not texts:
            return table, valid
        columns |= {name: self._normalize_texts(rule, table[name].combine_chunks()) for name, rule in texts.items()}
        table = pa.table(columns)
        return table, mark_valid_rows(self.kind, table) & readable

    def _normalize_texts(self, rule: FieldRule, texts: pa.Array) -> pa.Array:
        return _normalize_instants(texts) if rule.value_type is ValueType.INSTANT else self._normalize_days(texts)

    def _read_column(self, rule: FieldRule, column: pa.Array) -> pa.Array:
        """Return a column with the type of its field, null where a value cannot be read."""
        value_type = rule.value_type
        try:
            column = _decode(column)
        except pa.ArrowInvalid:
            raise UnreadableColumn(f"Column '{rule.name}' contains bytes that are not UTF-8") from None
        if pa.types.is_null(column.type):
            return column.cast(rule.type)
        values: pa.Array | None = None
        match value_type:
            case ValueType.TEXT:
                values = _to_texts(column)
            case ValueType.NUMBER:
                values = self._to_numbers(column)
            case ValueType.INTEGER:
                values = self._to_integers(column)
            case ValueType.INSTANT:
                values = _to_instants(column)
            case ValueType.DAY:
                values = self._to_days(column)
        if values is not None:
            return values
        if value_type is ValueType.INSTANT and pa.types.is_timestamp(column.type):
            raise UnreadableColumn(
                f"Column '{rule.name}' has no time zone. Convert it to UTC or another time zone before you write the "
                "file, in pandas with tz_localize"
            )
        raise UnreadableColumn(
            f"Column '{rule.name}' has the type {column.type}, which cannot be read as {_NAMES[value_type]}"
        )

    # -- numbers

    def _to_numbers(self, column: pa.Array) -> pa.Array | None:
        if pa.types.is_string(column.type):
            return self._parse_numbers(column)
        if _is_number(column.type):
            return column.cast(pa.float64(), safe=False)
        return None

    def _to_integers(self, column: pa.Array) -> pa.Array | None:
        """Return whole numbers as integers, null for fractions."""
        if pa.types.is_integer(column.type) and column.type != pa.uint64():
            return column.cast(pa.int64())
        numbers = self._to_numbers(column)
        if numbers is None:
            return None
        values = pc.fill_null(numbers, 0).to_numpy(zero_copy_only=False)
        is_whole = np.isfinite(values) & (values == np.rint(values)) & (np.abs(values) < 2**53)
        integers = np.where(is_whole, values, 0).astype(np.int64)
        return pa.array(integers, mask=~is_whole | _to_flags(numbers.is_null()))

    def _parse_numbers(self, texts: pa.Array) -> pa.Array:
        """Return the numbers of texts, null for texts that are no numbers."""
        commas = pc.match_substring_regex(texts, COMMA_PATTERN)
        if not self.decimal_comma:
            commas = pc.and_not(commas, pc.match_substring_regex(texts, GROUPED_PATTERN))
        if pc.any(commas).as_py():
            texts = pc.if_else(commas, pc.replace_substring(texts, ",", "."), texts)
        is_number = pc.match_substring_regex(texts, NUMBER_PATTERN)
        digits = pc.utf8_trim(pc.if_else(is_number, texts, pa.scalar(None, pa.string())), BLANKS)
        return pc.utf8_ltrim(digits, "+").cast(pa.float64())

    # -- days

    def _to_days(self, column: pa.Array) -> pa.Array | None:
        if pa.types.is_date(column.type):
            return column.cast(pa.date32())
        if pa.types.is_timestamp(column.type):
            return _to_midnights(column)
        return column if pa.types.is_string(column.type) else None

    def _normalize_days(self, column: pa.Array) -> pa.Array:
        """Return days as `YYYY-MM-DD`; texts that are no days stay unchanged."""
        if not (_to_flags(column.is_valid()) & ~parse_days(column)[1]).any():
            return column
        encoded = column.dictionary_encode()
        texts = encoded.dictionary.to_pylist()
        self._dates.add(texts)
        cell_format = self.cell_format
        days = [read_value(text, ValueType.DAY, cell_format) for text in texts]
        return pa.array(days, pa.string()).take(encoded.indices)


def _to_flags(values: pa.Array) -> Flags:
    flags: Flags = values.to_numpy(zero_copy_only=False)
    return flags


def _decode(column: pa.Array) -> pa.Array:
    """Return a column of any Arrow type of texts as plain texts, other columns unchanged.  Raise ArrowInvalid."""
    type_ = column.type
    if pa.types.is_dictionary(type_):
        column = column.dictionary_decode()
        type_ = column.type
    is_binary = pa.types.is_binary(type_) or pa.types.is_large_binary(type_) or pa.types.is_fixed_size_binary(type_)
    if is_binary or pa.types.is_large_string(type_) or pa.types.is_string_view(type_):
        column = column.cast(pa.binary()) if pa.types.is_fixed_size_binary(type_) else column
        return column.cast(pa.string())
    return column


def _is_number(type_: pa.DataType) -> bool:
    return bool(pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_))


def _to_texts(column: pa.Array) -> pa.Array | None:
    """Return texts unchanged and whole numbers as their digits; None for other types."""
    if pa.types.is_string(column.type):
        return column
    if pa.types.is_integer(column.type) or (pa.types.is_decimal(column.type) and column.type.scale <= 0):
        return column.cast(pa.string())
    return None


# -- instants -----------------------------------------------------------------------------------------------------


def _to_instants(column: pa.Array) -> pa.Array | None:
    if pa.types.is_timestamp(column.type):
        return column if column.type.tz else None
    if pa.types.is_string(column.type):
        return column
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        type_ = pa.int64() if pa.types.is_integer(column.type) else pa.float64()
        instants = _format_epochs(column.cast(type_, safe=False))
        return None if instants.null_count == len(instants) > column.null_count else instants
    return None


def _normalize_instants(texts: pa.Array) -> pa.Array:
    """Return instants as RFC 3339; texts that are no instants stay unchanged."""
    is_other = _to_flags(texts.is_valid()) & ~parse_instants(texts)[1]
    if not is_other.any():
        return texts
    mask = pa.array(is_other)
    residual = texts.filter(mask)
    canonical = _join_instants(residual)
    if canonical.null_count:
        epochs = pc.if_else(
            pc.match_substring_regex(residual, _EPOCH_TEXT_PATTERN), residual, pa.scalar(None, pa.string())
        )
        canonical = pc.coalesce(canonical, _format_epochs(epochs.cast(pa.int64())))
    remaining = np.flatnonzero(_to_flags(canonical.is_null()))
    if len(remaining):  # rare forms, and texts that are no instants
        values = [read_value(text, ValueType.INSTANT, CellFormat()) for text in residual.take(remaining).to_pylist()]
        positions = pa.array(canonical.is_null())
        canonical = pc.replace_with_mask(canonical, positions, pa.array(values, pa.string()))
    return pc.replace_with_mask(texts, mask, canonical)


def _join_instants(texts: pa.Array) -> pa.Array:
    """Return texts that match `INSTANT_PATTERN` as RFC 3339, null for other texts."""
    parts = pc.extract_regex(texts, INSTANT_PATTERN)
    get = {field.name: pc.struct_field(parts, field.name) for field in parts.type}
    date = pc.replace_substring(get["date"], "/", "-")
    is_basic = pc.equal(pc.binary_length(date), len("20240401"))
    if pc.any(is_basic).as_py():
        pieces = (pc.utf8_slice_codeunits(date, low, high) for low, high in ((0, 4), (4, 6), (6, 8)))
        date = pc.if_else(is_basic, pc.binary_join_element_wise(*pieces, "-"), date)
    is_leap = pc.equal(get["second"], "60")
    second = pc.if_else(is_leap, "59", pc.if_else(pc.equal(get["second"], ""), "00", get["second"]))
    fraction = pc.if_else(is_leap, "999", get["fraction"])
    fraction = pc.if_else(pc.equal(fraction, ""), "", pc.binary_join_element_wise(".", fraction, ""))
    minutes = pc.if_else(pc.equal(get["minutes"], ""), "00", get["minutes"])
    offset = pc.binary_join_element_wise(get["sign"], get["hours"], ":", minutes, "")
    offset = pc.if_else(pc.equal(get["sign"], ""), "Z", offset)
    return pc.binary_join_element_wise(
        date, "T", get["hour"], ":", get["minute"], ":", second, fraction, offset, "", null_handling="emit_null"
    )


def _format_epochs(epochs: pa.Array) -> pa.Array:
    """Return epochs in seconds, milliseconds or microseconds as RFC 3339, null for other numbers."""
    values = pc.fill_null(epochs, 0).to_numpy(zero_copy_only=False)
    at_ms, is_epoch = np.zeros(len(values), np.int64), np.zeros(len(values), np.bool_)
    for low, end, scale in _EPOCH_SCALES:
        selected = (values >= low) & (values < end)
        at_ms[selected] = np.floor(values[selected] * scale + (1e-4 if values.dtype.kind == "f" else 0))
        is_epoch |= selected
    instants = pa.array(at_ms, pa.timestamp("ms"), mask=~is_epoch)
    return pc.strftime(instants, "%Y-%m-%dT%H:%M:%SZ")


def _to_midnights(column: pa.Array) -> pa.Array:
    """Return timestamps at midnight in their time zone as days, null for other times."""
    local = pc.local_timestamp(column) if column.type.tz else column
    microseconds = pc.fill_null(local.cast(pa.timestamp("us"), safe=False).cast(pa.int64()), 0).to_numpy()
    is_other = (microseconds % _DAY_MICROSECONDS != 0) | _to_flags(column.is_null())
    days = (microseconds // _DAY_MICROSECONDS).astype(np.int32)
    return pa.array(days, mask=is_other).cast(pa.date32())
