"""Options of a file: what its sender says about encoding, delimiter, dates, time zone, columns and units."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from pydantic import TypeAdapter, ValidationError

from okube_api.errors import BadRequest, Impossible
from okube_api.ingest.field_names import suggest_field
from okube_api.ingest.parse.column_checks import get_field_rules
from okube_api.ingest.parse.local_times import PLACE_FIELDS, LocalTimes, ZoneLookup
from okube_api.kit.cells import DateOrder, ValueType
from okube_api.kit.encodings import find_codec
from okube_api.kit.schemas import Timezone

PLACE_ZONES = "site"
"""The value of `timezone` by which each event has the time zone of its site."""
DURATIONS_S: Mapping[str, float] = {"ms": 0.001, "s": 1, "min": 60, "h": 3600}
"""Units of durations, in seconds."""
LENGTHS_M: Mapping[str, float] = {"m": 1, "km": 1000, "ft": 0.3048, "mi": 1609.344}
"""Units of lengths, in metres."""
SPEEDS_MPS: Mapping[str, float] = {"m/s": 1, "km/h": 1 / 3.6, "mph": 0.44704, "kn": 1.852 / 3.6}
"""Units of speeds, in metres per second."""
_UNITS: Mapping[str, Mapping[str, float]] = {"accuracy": LENGTHS_M, "speed": SPEEDS_MPS}
"""Units by field; those of fields whose name ends with `_s` are `DURATIONS_S`."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How a file is written; options that are None are inferred from the file.

    encoding: any usual name, such as `windows-1252`; UTF-8 when None.
    delimiter: between the cells of CSV.
    dates: order of day and month in days such as 01/02/2024.
    timezone: the IANA time zone of instants without an offset, or `site` for that of each event's site.
    mapper: the file's column by field.
    sheet: the sheet of a workbook; the first one with data when None.
    times: the file's column with the time of day, by field of instants whose column in `mapper` has only the day.
    units: the unit by field that has a unit (see `list_units`).
    """

    encoding: str | None = None
    delimiter: str | None = None
    dates: DateOrder | None = None
    timezone: str | None = None
    mapper: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    times: Mapping[str, str] = field(default_factory=dict)
    sheet: str | None = None

    def check(self, kind: str) -> None:
        """Raise UnsupportedMedia when the encoding is unknown, BadRequest when another option is malformed.

        Raise Impossible for an option that events of this kind do not have.
        """
        _ = self.codec
        if self.delimiter is not None and (not self.delimiter.isascii() or self.delimiter in '"\r\n'):
            raise BadRequest.with_code("query", "/delimiter", "invalid", "Give one ASCII character as the delimiter.")
        fields = [rule.name for rule in get_field_rules(kind)]
        self._check_timezone(kind, fields)
        for name in self.mapper:
            if name not in fields:
                message = f"'mapper[{name[:100]}]': {kind} have no such field.{suggest_field(kind, name, fields)}"
                raise _rule_out(f"mapper[{name}]", f"{message} Fields of {kind}: {', '.join(fields)}.")
        instants = [rule.name for rule in get_field_rules(kind) if rule.value_type is ValueType.INSTANT]
        for name in self.times:
            if name not in instants:
                with_time = f"Fields of {kind} with a time: {', '.join(instants) or 'none'}."
                raise _rule_out(f"time[{name}]", f"'time[{name[:100]}]': This field has no time of day. {with_time}")
        units = list_units(kind)
        for name, unit in self.units.items():
            if name not in units:
                with_unit = f"Fields of {kind} with a unit: {', '.join(units) or 'none'}."
                raise _rule_out(f"unit[{name}]", f"'unit[{name[:100]}]': This field has no unit. {with_unit}")
            if unit not in units[name]:
                raise _refuse(f"unit[{name}]", f"'unit[{name}]': Use one of the units {', '.join(units[name])}.")

    def _check_timezone(self, kind: str, fields: list[str]) -> None:
        if self.timezone is None:
            return
        if self.timezone != PLACE_ZONES:
            try:
                _build_timezone_adapter().validate_python(self.timezone)
            except ValidationError:
                raise _refuse("timezone", "'timezone': Use an IANA name such as Europe/Paris, or `site`.") from None
            return
        has_instants = any(rule.value_type is ValueType.INSTANT for rule in get_field_rules(kind))
        if has_instants and not set(fields) & set(PLACE_FIELDS):
            raise _rule_out("timezone", f"'timezone': {kind} name no site. Use an IANA name such as Europe/Paris.")

    def as_parameters(self) -> dict[str, str]:
        """Return the options as parameters of a request."""
        options = {name: getattr(self, name) for name in ("encoding", "delimiter", "dates", "timezone", "sheet")}
        options |= {f"mapper[{name}]": self.mapper[name] for name in sorted(self.mapper)}
        options |= {f"unit[{name}]": self.units[name] for name in sorted(self.units)}
        options |= {f"time[{name}]": self.times[name] for name in sorted(self.times)}
        return {name: value for name, value in options.items() if value}

    @property
    def codec(self) -> str | None:
        """The codec of the encoding.  Raises UnsupportedMedia."""
        return find_codec(self.encoding) if self.encoding else None

    def list_factors(self, kind: str) -> dict[str, float]:
        """Return the factor that converts the numbers of the file to the unit of the field, by field."""
        units = list_units(kind)
        return {name: units[name][unit] for name, unit in self.units.items()}


DEFAULT_OPTIONS = ReadOptions()


def create_local_times(options: ReadOptions, lookup: ZoneLookup | None) -> LocalTimes | None:
    """Return the time zones of a file; None when instants without an offset are refused."""
    if options.timezone is None:
        return None
    return LocalTimes(None, lookup) if options.timezone == PLACE_ZONES else LocalTimes(options.timezone)


def list_units(kind: str) -> dict[str, Mapping[str, float]]:
    """Return the units of each field that has a unit, by their factor to the unit of the field itself."""
    names = [rule.name for rule in get_field_rules(kind)]
    return {
        name: DURATIONS_S if name.endswith("_s") else _UNITS[name]
        for name in names
        if name.endswith("_s") or name in _UNITS
    }


@cache
def _build_timezone_adapter() -> TypeAdapter[str]:
    return TypeAdapter(Timezone)


def _refuse(name: str, message: str) -> BadRequest:
    return BadRequest.with_code("query", f"/{name}", "invalid", message)


def _rule_out(name: str, message: str) -> Impossible:
    return Impossible.with_code("query", f"/{name}", "impossible", message)
