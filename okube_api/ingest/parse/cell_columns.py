"""Reads whole columns and single events by the rules of `kit/cells.py`.

A column has texts or typed values of any format; it is converted to the type of its field.  Columns in canonical form
are returned unchanged.  In other columns, all values that are not canonical are converted together by the patterns of
`kit/cells.py`.
"""

from collections.abc import Mapping
from math import isfinite

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from okube_api.ingest.columns.timestamps import convert_timestamps, mark_supported_years, parse_days, parse_instants
from okube_api.ingest.parse.column_checks import FieldRule, get_field_rules, mark_valid_rows
from okube_api.ingest.parse.local_times import LocalTimes, RowZones, ends_utc_day
from okube_api.ingest.parse.row_checks import DATES_HINT, InvalidLine
from okube_api.kit.cells import (
    BLANKS,
    CENTURY,
    COMMA_PATTERN,
    DURATION_PATTERN,
    GROUPED_PATTERN,
    INSTANT_PATTERN,
    LOCAL_TIME_PATTERN,
    NUMBER_PATTERN,
    ORDERED_TIME_PATTERN,
    SPACED_CHARACTERS,
    SPACED_PATTERN,
    CellFormat,
    DateOrder,
    DateOrderFinder,
    ValueType,
    is_ordered_time,
    read_duration_s,
    read_local_time,
    read_value,
)
from okube_api.store.arrays import Flags, Ints
from okube_api.store.values import Json

_EPOCH_TEXT_PATTERN = "^(?:[0-9]{10}|[0-9]{13}|[0-9]{16})$"
_EPOCH_SCALES = ((10**9, 10**10, 10**3), (10**12, 10**13, 1), (10**15, 10**16, 10**-3))
"""For epochs in seconds, milliseconds and microseconds: the range [low, end) of values, and the ms per unit."""
_TOO_LARGE = 10**300
_DURATION_UNITS_S = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_DAY_UNITS = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
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
    local_times: the time zones of instants without an offset; None refuses such instants.
    factors: by field, the factor that converts the numbers of the file to the unit of the field.
    """

    def __init__(
        self,
        kind: str,
        *,
        decimal_comma: bool = False,
        date_order: DateOrder | None = None,
        local_times: LocalTimes | None = None,
        factors: Mapping[str, float] | None = None,
    ) -> None:
        self.kind, self.decimal_comma = kind, decimal_comma
        self._rules = get_field_rules(kind)
        self._date_order = date_order
        self._dates = DateOrderFinder()
        self._local_times = local_times
        self._factors = {name: factor for name, factor in (factors or {}).items() if factor != 1}

    @property
    def cell_format(self) -> CellFormat:
        """How values are written, as far as it is known from the values read so far."""
        return CellFormat(self.decimal_comma, self._date_order or self._dates.order)

    def note_days(self, event: Json) -> None:
        """Use the days and local times of an event to infer the order of day and month."""
        types = (ValueType.DAY, ValueType.INSTANT) if self._local_times else (ValueType.DAY,)
        self._dates.add(event.get(rule.name) for rule in self._rules if rule.value_type in types)

    def read_event(self, event: Json) -> Json:
        """Return an event with values of the types of its model; values that cannot be read stay unchanged.

        Raise InvalidLine for local times that are not one instant.
        """
        cell_format = self.cell_format
        types = {rule.name: rule.value_type for rule in self._rules}
        defaults = {rule.name for rule in self._rules if rule.schema.get("default") is not None}
        result = {
            name: value if value is None or name not in types else read_value(value, types[name], cell_format)
            for name, value in event.items()
            if value is not None or name not in defaults
        }
        for rule in self._rules:
            if rule.is_duration and (duration_s := read_duration_s(result.get(rule.name))) is not None:
                result[rule.name] = duration_s
        for name, factor in self._factors.items():
            number = read_value(event.get(name), ValueType.NUMBER, cell_format)
            if (
                isinstance(number, int | float)
                and not isinstance(number, bool)
                and abs(number) < _TOO_LARGE  # as a float
                and isfinite(product := number * factor)
            ):
                result[name] = round(product) if types[name] is ValueType.INTEGER else product
        if self._local_times is not None:
            for name, value in result.items():
                if types.get(name) is ValueType.INSTANT and isinstance(value, str):
                    result[name] = self._localize(self._local_times, name, value, result)
        return result

    def _localize(self, local_times: LocalTimes, name: str, text: str, event: Json) -> str:
        """Return a local time as an instant, any other text unchanged."""
        order = self.cell_format.date_order
        local_time = read_local_time(text, order)
        if local_time is not None:
            return local_times.localize(name, local_time, event)
        if order is None and is_ordered_time(text):
            raise InvalidLine(f"'{name}': The order of day and month is unknown.{DATES_HINT}")
        return text

    def read_rows(self, rows: pa.Table) -> tuple[pa.Table, Flags]:
        """Return the columns of `get_schema`, and which rows are valid.

        rows: some of the kind's columns, of any type.  Instants may be timestamps with a time zone, days may stay
        dates.  Raise UnreadableColumn.
        """
        columns: dict[str, pa.Array | pa.ChunkedArray] = {}
        readable = np.ones(rows.num_rows, np.bool_)
        zones: RowZones | None = None
        # Instants come last, because their time zone may depend on the place of their row.
        for rule in sorted(self._rules, key=lambda rule: rule.value_type is ValueType.INSTANT):
            if rule.value_type is ValueType.INSTANT and zones is None and self._local_times is not None:
                zones = self._local_times.find_row_zones(columns, rows.num_rows)
            if rule.name not in rows.column_names:
                columns[rule.name] = pa.nulls(rows.num_rows, rule.type)
            elif rows[rule.name].type == rule.type and rule.name not in self._factors:
                columns[rule.name] = rows[rule.name]
            else:
                column = rows[rule.name].combine_chunks()
                values = columns[rule.name] = self._read_column(rule, column, zones)
                if values.null_count > column.null_count:
                    readable &= _to_flags(values.is_valid()) | _to_flags(column.is_null())
            if (default := rule.schema.get("default")) is not None:
                columns[rule.name] = pc.fill_null(columns[rule.name], default)
        columns = {rule.name: columns[rule.name] for rule in self._rules}
        table = pa.table(columns)
        valid = mark_valid_rows(self.kind, table) & readable
        if valid.all():
            return table, valid
        texts = {rule.name: rule for rule in self._rules if rule.format and pa.types.is_string(columns[rule.name].type)}
        if not texts:
            return table, valid
        columns |= {
            name: self._normalize_texts(rule, table[name].combine_chunks(), zones) for name, rule in texts.items()
        }
        table = pa.table(columns)
        return table, mark_valid_rows(self.kind, table) & readable

    def _normalize_texts(self, rule: FieldRule, texts: pa.Array, zones: RowZones | None) -> pa.Array:
        if rule.value_type is ValueType.DAY:
            return self._normalize_days(texts)
        return self._normalize_instants(texts, zones)

    def _read_column(self, rule: FieldRule, column: pa.Array, zones: RowZones | None) -> pa.Array:
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
                values = self._to_numbers(column, self._factors.get(rule.name))
            case ValueType.INTEGER:
                values = self._to_integers(column, self._factors.get(rule.name))
                if values is not None and rule.is_duration and pa.types.is_string(column.type):
                    values = pc.coalesce(values, _read_durations(column))
            case ValueType.INSTANT:
                values = _to_instants(column, zones)
            case ValueType.DAY:
                values = self._to_days(column)
        if values is not None:
            return values
        if value_type is ValueType.INSTANT and pa.types.is_timestamp(column.type):
            raise UnreadableColumn(
                f"Column '{rule.name}' has no time zone. Give `timezone`, for example `timezone=Europe/Paris`, or "
                "write the time zone into the file, in pandas with tz_localize"
            )
        raise UnreadableColumn(
            f"Column '{rule.name}' has the type {column.type}, which cannot be read as {_NAMES[value_type]}"
        )

    # -- numbers

    def _to_numbers(self, column: pa.Array, factor: float | None = None) -> pa.Array | None:
        numbers: pa.Array | None = None
        if pa.types.is_string(column.type):
            numbers = self._parse_numbers(column)
        elif _is_number(column.type):
            numbers = column.cast(pa.float64(), safe=False)
        return numbers if numbers is None or factor is None else pc.multiply(numbers, factor)

    def _to_integers(self, column: pa.Array, factor: float | None) -> pa.Array | None:
        """Return whole numbers as integers, null for fractions; with a factor, the rounded products."""
        if pa.types.is_duration(column.type):
            column, factor = column.cast(pa.int64()), _DURATION_UNITS_S[column.type.unit]
        if factor is None and pa.types.is_integer(column.type) and column.type != pa.uint64():
            return column.cast(pa.int64())
        numbers = self._to_numbers(column)
        if numbers is None:
            return None
        values = pc.fill_null(numbers, 0).to_numpy(zero_copy_only=False)
        if factor is not None:
            with np.errstate(over="ignore"):
                values = np.rint(values * factor)
        is_whole = np.isfinite(values) & (values == np.rint(values)) & (np.abs(values) < 2**53)
        integers = np.where(is_whole, values, 0).astype(np.int64)
        return pa.array(integers, mask=~is_whole | _to_flags(numbers.is_null()))

    def _parse_numbers(self, texts: pa.Array) -> pa.Array:
        """Return the numbers of texts, null for texts that are no numbers."""
        spaced = pc.match_substring_regex(texts, SPACED_PATTERN)
        if pc.any(spaced).as_py():
            texts = pc.if_else(spaced, pc.replace_substring_regex(texts, SPACED_CHARACTERS, ""), texts)
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

    # -- instants

    def _normalize_instants(self, texts: pa.Array, zones: RowZones | None) -> pa.Array:
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
            canonical = pc.coalesce(canonical, _format_instants(*_read_epochs(epochs.cast(pa.int64()))))
        if canonical.null_count and zones is not None:
            canonical = pc.coalesce(canonical, self._localize_texts(residual, zones.take(np.flatnonzero(is_other))))
        remaining = np.flatnonzero(_to_flags(canonical.is_null()))
        if len(remaining):  # rare forms, and texts that are no instants
            rare = residual.take(remaining).to_pylist()
            values = [read_value(text, ValueType.INSTANT, CellFormat()) for text in rare]
            positions = pa.array(canonical.is_null())
            canonical = pc.replace_with_mask(canonical, positions, pa.array(values, pa.string()))
        return pc.replace_with_mask(texts, mask, canonical)

    def _localize_texts(self, texts: pa.Array, zones: RowZones) -> pa.Array:
        """Return local times as RFC 3339, null for other texts and for local times that are not one instant."""
        parts = _split(texts, LOCAL_TIME_PATTERN)
        local_times = _join_local_time(_format_date(parts["date"]), parts, parts["hour"])
        if local_times.null_count:
            local_times = pc.coalesce(local_times, self._join_ordered_times(texts))
        is_leap = pc.equal(pc.utf8_slice_codeunits(local_times, 17, 19), "60")
        replaced = pc.utf8_replace_slice(local_times, 17, 29, "59.999")
        local_ms, valid = parse_instants(
            pc.binary_join_element_wise(pc.if_else(is_leap, replaced, local_times), "Z", "")
        )
        at_ms, is_instant = zones.find_instants(np.where(valid, local_ms, 0))
        valid &= is_instant & (~_to_flags(pc.fill_null(is_leap, False)) | ends_utc_day(at_ms))
        return _format_instants(at_ms, valid)

    def _join_ordered_times(self, texts: pa.Array) -> pa.Array:
        """Return local times as spreadsheets write them as `YYYY-MM-DDThh:mm:ss`, null for other texts."""
        parts = _split(texts, ORDERED_TIME_PATTERN)
        first, middle, year = parts["first"], parts["middle"], parts["year"]
        dates = pc.binary_join_element_wise(first, middle, year, "/")  # no dates when the year has two digits
        self._dates.add(dates.unique().to_pylist())
        order = self.cell_format.date_order
        if order is None:
            return pa.nulls(len(texts), pa.string())
        day, month = (first, middle) if order == "dmy" else (middle, first)
        year = pc.if_else(pc.equal(year, ""), pc.binary_join_element_wise(CENTURY, parts["short_year"], ""), year)
        date = pc.binary_join_element_wise(year, pc.utf8_lpad(month, 2, "0"), pc.utf8_lpad(day, 2, "0"), "-")
        hour = parts["hour"].cast(pa.int64())
        half_day = pc.subtract(hour, pc.multiply(pc.divide(hour, 12), 12))
        is_afternoon = pc.equal(pc.utf8_upper(parts["half"]), "P")
        half_day = pc.if_else(is_afternoon, pc.add(half_day, 12), half_day)
        has_half = pc.not_equal(parts["half"], "")
        is_wrong = pc.and_(has_half, pc.or_(pc.less(hour, 1), pc.greater(hour, 12)))
        hour = pc.if_else(is_wrong, pa.scalar(None, pa.int64()), pc.if_else(has_half, half_day, hour))
        return _join_local_time(date, parts, pc.utf8_lpad(hour.cast(pa.string()), 2, "0"))


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


def _read_durations(texts: pa.Array) -> pa.Array:
    """Return the seconds of durations such as `0:12:30`, null for other texts."""
    parts = {name: column.cast(pa.int64()) for name, column in _split(texts, DURATION_PATTERN).items()}
    minutes = pc.add(pc.multiply(parts["hours"], 60), parts["minutes"])
    return pc.add(pc.multiply(minutes, 60), parts["seconds"])


# -- instants -----------------------------------------------------------------------------------------------------


def _to_instants(column: pa.Array, zones: RowZones | None) -> pa.Array | None:
    if pa.types.is_timestamp(column.type):
        if column.type.tz or zones is None:
            return column if column.type.tz else None
        return _localize_timestamps(column, zones)
    if pa.types.is_string(column.type):
        return column
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        type_ = pa.int64() if pa.types.is_integer(column.type) else pa.float64()
        at_ms, is_epoch = _read_epochs(column.cast(type_, safe=False))
        if len(column) > column.null_count and not is_epoch.any():
            return None
        return pa.array(at_ms, pa.timestamp("ms", "UTC"), mask=None if is_epoch.all() else ~is_epoch)
    return None


def _localize_timestamps(column: pa.Array, zones: RowZones) -> pa.Array:
    """Return timestamps without a time zone as instants, null for those that are not one instant."""
    local_ms = convert_timestamps(column)
    at_ms, is_instant = zones.find_instants(np.where(mark_supported_years(local_ms), local_ms, 0))
    is_instant &= mark_supported_years(local_ms)
    return pa.array(at_ms, pa.timestamp("ms", "UTC"), mask=~is_instant | _to_flags(column.is_null()))


def _join_instants(texts: pa.Array) -> pa.Array:
    """Return texts that match `INSTANT_PATTERN` as RFC 3339, null for other texts."""
    parts = _split(texts, INSTANT_PATTERN)
    minutes = pc.if_else(pc.equal(parts["minutes"], ""), "00", parts["minutes"])
    is_leap = pc.equal(parts["second"], "60")
    if pc.any(is_leap).as_py():
        parts["second"] = pc.if_else(is_leap, "59", parts["second"])
        parts["fraction"] = pc.if_else(is_leap, "999", parts["fraction"])
    offset = pc.binary_join_element_wise(parts["sign"], parts["hours"], ":", minutes, "")
    offset = pc.if_else(pc.equal(parts["sign"], ""), "Z", offset)
    local_times = _join_local_time(_format_date(parts["date"]), parts, parts["hour"])
    instants = pc.binary_join_element_wise(local_times, offset, "")
    if pc.any(is_leap).as_py():
        is_end = pa.array(ends_utc_day(parse_instants(instants)[0]))
        instants = pc.if_else(pc.or_(pc.invert(is_leap), is_end), instants, pa.scalar(None, pa.string()))
    return instants


def _split(texts: pa.Array, pattern: str) -> dict[str, pa.Array]:
    """Return the named groups of a pattern, null for texts that do not match."""
    parts = pc.extract_regex(texts, pattern)
    return {field.name: pc.struct_field(parts, field.name) for field in parts.type}


def _format_date(date: pa.Array) -> pa.Array:
    """Return dates with the year first as `YYYY-MM-DD`."""
    date = pc.replace_substring(date, "/", "-")
    is_basic = pc.equal(pc.binary_length(date), len("20240401"))
    if pc.any(is_basic).as_py():
        pieces = (pc.utf8_slice_codeunits(date, low, high) for low, high in ((0, 4), (4, 6), (6, 8)))
        date = pc.if_else(is_basic, pc.binary_join_element_wise(*pieces, "-"), date)
    return date


def _join_local_time(date: pa.Array, parts: Mapping[str, pa.Array], hour: pa.Array) -> pa.Array:
    """Return local times `YYYY-MM-DDThh:mm:ss` with an optional fraction, null where any part is null."""
    second = pc.if_else(pc.equal(parts["second"], ""), "00", parts["second"])
    fraction = parts["fraction"]
    fraction = pc.if_else(pc.equal(fraction, ""), "", pc.binary_join_element_wise(".", fraction, ""))
    return pc.binary_join_element_wise(
        date, "T", hour, ":", parts["minute"], ":", second, fraction, "", null_handling="emit_null"
    )


def _read_epochs(epochs: pa.Array) -> tuple[Ints, Flags]:
    """Return epochs in seconds, milliseconds or microseconds in ms, and which numbers are such epochs."""
    values = pc.fill_null(epochs, 0).to_numpy(zero_copy_only=False)
    at_ms, is_epoch = np.zeros(len(values), np.int64), np.zeros(len(values), np.bool_)
    for low, end, scale in _EPOCH_SCALES:
        selected = (values >= low) & (values < end)
        at_ms[selected] = np.floor(values[selected] * scale + (1e-4 if values.dtype.kind == "f" else 0))
        is_epoch |= selected
    return at_ms, is_epoch


def _format_instants(at_ms: Ints, valid: Flags) -> pa.Array:
    """Return instants (ms since 1970) as RFC 3339, null where they are not valid."""
    return pc.strftime(pa.array(at_ms, pa.timestamp("ms"), mask=~valid), "%Y-%m-%dT%H:%M:%SZ")


def _to_midnights(column: pa.Array) -> pa.Array:
    """Return timestamps at midnight in their time zone as days, null for other times."""
    local = pc.local_timestamp(column) if column.type.tz else column
    numbers = pc.fill_null(local.cast(pa.int64()), 0).to_numpy(zero_copy_only=False)
    days, rest = np.divmod(numbers, _DAY_UNITS[local.type.unit])
    is_other = (rest != 0) | (np.abs(days) >= 2**31) | _to_flags(column.is_null())
    return pa.array(np.where(is_other, 0, days).astype(np.int32), mask=is_other).cast(pa.date32())
