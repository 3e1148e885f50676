"""Previews of files for people who map their columns: the kinds of files, and the answer."""

from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

from pydantic import Field

from okube_api.api.container import Services
from okube_api.api.csv_import import TableSpec
from okube_api.api.field_descriptions import DESCRIPTIONS
from okube_api.errors import NotFound, format_suggestion
from okube_api.ingest.events.kinds import KINDS
from okube_api.ingest.load.references import REFERENCES
from okube_api.ingest.parse.column_checks import FieldRule, get_field_rules
from okube_api.ingest.parse.local_times import PLACE_FIELDS
from okube_api.ingest.parse.read_options import PLACE_ZONES, list_units
from okube_api.ingest.preview.column_types import GuessedType, SampledFile, render_value, sample_columns
from okube_api.ingest.preview.file_head import FileHead, read_file_head
from okube_api.ingest.preview.guesses import (
    ColumnGuess,
    TargetField,
    TargetKind,
    find_customers,
    guess_columns,
    list_unused,
    score_kind,
)
from okube_api.kit.application import Application
from okube_api.kit.cells import DateOrder, ValueType
from okube_api.kit.schemas import Answer
from okube_api.store.conditions import equal
from okube_api.store.values import Json
from okube_api.tables.columns import CellType, list_columns
from okube_api.tables.parsing import list_day_fields

PREVIEW_ROWS = 20
_MAX_RESOURCES = 20_000
_ONE_OF = {"stays": (("site", "poi"),)}
"""Fields of events of which one is required, which JSON Schemas do not say."""
_DESCRIPTIONS = {
    "user": "Identifier of the person, such as a customer number. Pseudonymised on arrival; the value is not stored.",
    "device": "Identifier of the device. Pseudonymised on arrival; the value is not stored.",
    "os": "Operating system.",
    "manufacturer": "Manufacturer of the device.",
    "model": "Model of the device.",
    "code": "Code of the IRIS area, 9 characters.",
    "at": "Instant of the event: a day and a time of day.",
    "start": "Instant of the beginning.",
    "day": "Day of the report.",
    "kind": "What happened: `print`, `click`, `opening`, or `control` for users of the control group.",
    "duration_s": "Duration, in seconds or another unit.",
    "zone": "`indoor` or `outdoor`; indoor if absent.",
    "prints": "Number of prints.",
    "clicks": "Number of clicks.",
    "openings": "Number of openings.",
    "home": "IRIS area of the home, 9 characters.",
    "work": "IRIS area of the workplace, 9 characters.",
    "key": "Key, unique among the resources of its kind: a code of your own.",
    "name": "Name, for people.",
    "type": "Type, such as a format of shops.",
    "contact_name": "Name of the contact for deliveries.",
    "contact_phone": "Phone number of the contact.",
    "contact_email": "E-mail address of the contact.",
    "latitude": "Latitude in degrees, WGS 84.",
    "longitude": "Longitude in degrees, WGS 84.",
    "from": "First day.",
    "to": "Last day, included.",
    "sites": "Ids or keys of sites, joined by `|`.",
    "pois": "Ids or keys of points of interest, joined by `|`.",
    "cost": "Amount of a cost. Rows with the same key are costs of one campaign.",
    "cost_from": "First day of the cost; the campaign's if absent.",
    "cost_to": "Last day of the cost; the campaign's if absent.",
    "cost_type": "`fixed`, `cpm`, `cpc` or `cpo`; `fixed` if absent.",
}


class KindScore(Answer):
    """How likely a file is of a kind."""

    kind: str
    score: float = Field(description="From 0 to 1.")
    missing: list[str] = Field(description="Required fields without a column.")
    unused: list[str] = Field(description="Columns with values that no field takes.")
    customers: str | None = Field(
        description="The column of users of a panel's kind that seems to name customers of the retailer, whose visits "
        "and purchases are other kinds; null without one."
    )


class PreviewColumn(Answer):
    """A column of a file."""

    name: str
    type: GuessedType = Field(description="`time` is a time of day, `empty` a column without values.")
    samples: list[str] = Field(description="Some distinct values, as they are in the file.")


class PreviewField(Answer):
    """A field of the kind of file."""

    name: str
    description: str
    required: bool = Field(description="Whether every row needs it.")
    type: str = Field(description="`text`, `number`, `day`, `instant` or `boolean`.")
    units: list[str] = Field(description="The units that its numbers may have.")


class PreviewAnswer(Answer):
    """The first rows of a file as the server reads them, and guesses of what it is."""

    format: str = Field(description="Media type of the file, for `Content-Type`.")
    encoding: str | None = Field(description="Of a text.")
    delimiter: str | None = Field(description="Of CSV.")
    decimal: str = Field(description="The decimal sign of its numbers.")
    dates: DateOrder | None = Field(
        description="Order of day and month; null if there are no such days or both orders are possible."
    )
    timezone: str | None = Field(description="For instants without an offset; null if there are none.")
    sheet: str | None = Field(description="The sheet of a workbook that was read.")
    sheets: list[str] = Field(description="All sheets of a workbook.")
    kind: str = Field(description="The kind that was given, or the most likely one.")
    kinds: list[KindScore] = Field(description="All kinds, the most likely first.")
    columns: list[PreviewColumn] = Field(description="The columns that have a name, in the order of the file.")
    rows: list[list[Any]] = Field(description=f"The first {PREVIEW_ROWS} rows, by the types of the columns.")
    mapper: dict[str, str] = Field(description="The column by field, for `mapper[field]`.")
    times: dict[str, str] = Field(description="The column with the time of day by field, for `time[field]`.")
    units: dict[str, str] = Field(description="The unit by field, for `unit[field]`.")
    fields: list[PreviewField] = Field(description="The fields of the kind.")
    missing: list[str] = Field(description="Required fields that no column was mapped to.")


# -- kinds -------------------------------------------------------------------------------------------------------------


def describe_kinds(tables: Mapping[str, TableSpec]) -> dict[str, TargetKind]:
    """Return the kinds of files by name: those of events, and tables."""
    kinds = {}
    for name, event_kind in KINDS.items():
        units = list_units(name)
        models = event_kind.model.model_fields
        fields = [
            _describe_event_field(rule, models[rule.name].description, tuple(units.get(rule.name, ())))
            for rule in get_field_rules(name)
        ]
        kinds[name] = TargetKind(name, fields, _ONE_OF.get(name, ()))
    return kinds | {name: _describe_table(name, table) for name, table in tables.items()}


def _describe_event_field(rule: FieldRule, description: str | None, units: Sequence[str]) -> TargetField:
    schema = rule.schema
    texts = (description, _DESCRIPTIONS.get(rule.name), schema.get("description"), DESCRIPTIONS.get(rule.name))
    return TargetField(
        rule.name,
        rule.value_type,
        next((text for text in texts if text), ""),
        rule.required,
        units,
        allowed=schema.get("enum", ()),
        pattern=schema.get("pattern"),
        low=schema.get("minimum"),
        high=schema.get("maximum"),
        resource=rule.name if rule.name in REFERENCES else None,
    )


def _describe_table(kind: str, table: TableSpec) -> TargetKind:
    aliases, day_fields = table.fields.aliases, list_day_fields(table.model)
    columns = list_columns(table.model)
    aliased = set(aliases.values())
    names = [*aliases, *(name for name in columns.readable_names if name not in aliased)]
    required = [names for names in table.required if isinstance(names, str)]
    fields = []
    for name in dict.fromkeys(names):
        column = columns.find_column(aliases.get(name, name))
        if column is None:
            continue
        value_type = ValueType.DAY if column.name in day_fields else _VALUE_TYPES.get(column.cell_type, ValueType.TEXT)
        fields.append(
            TargetField(
                name,
                value_type,
                _DESCRIPTIONS.get(name) or DESCRIPTIONS.get(column.path[-1], ""),
                aliases.get(name, name) in required,
                tuple(table.fields.units.get(column.name, ())),
                low={"latitude": -90, "longitude": -180}.get(name),
                high={"latitude": 90, "longitude": 180}.get(name),
            )
        )
    one_of = [
        [{"coordinates": "latitude"}.get(name, name) for name in names]
        for names in table.required
        if not isinstance(names, str)
    ]
    return TargetKind(kind, fields, one_of)


_VALUE_TYPES = {CellType.NUMBER: ValueType.NUMBER, CellType.BOOLEAN: ValueType.BOOLEAN}


# -- previews ----------------------------------------------------------------------------------------------------------


async def load_known_names(services: Services, application: Application) -> dict[str, frozenset[str]]:
    """Return the ids, keys and names of the resources that events name, by field; those of the first thousands."""
    where = equal("application", application.id)
    repositories = {"site": services.sites, "poi": services.pois, "campaign": services.campaigns}
    names: dict[str, frozenset[str]] = {}
    for field, repository in repositories.items():
        collection = repository.collection
        fields = [name for name in ("key", "name", "names") if name in collection.fields]
        documents = await services.store.find(collection, where, fields=fields, limit=_MAX_RESOURCES)
        names[field] = frozenset(
            name
            for document in documents
            for name in (document["_id"], document.get("key"), document.get("name"), *(document.get("names") or ()))
            if name
        )
    return names


def preview_file(
    file: BinaryIO,
    kinds: Mapping[str, TargetKind],
    known_names: Mapping[str, frozenset[str]],
    application: Application,
    *,
    kind: str | None,
    encoding: str | None,
    delimiter: str | None,
    sheet: str | None,
    dates: DateOrder | None,
    timezone: str | None,
    mapper: Mapping[str, str],
    is_partial: bool,
) -> Json:
    """Return the answer for a file; what is not None was given by the sender.

    kinds: what the file may be.
    Raise the refusals of `read_file_head`, and NotFound for an unknown kind.
    """
    if kind is not None and kind not in kinds:
        raise NotFound("kind of files", kind, format_suggestion(kind, kinds).strip())
    expected = {field.name for target in kinds.values() for field in target.fields} | set(mapper.values())
    head = read_file_head(
        file, expected=expected, encoding=encoding, delimiter=delimiter, sheet=sheet, is_partial=is_partial
    )
    sampled = sample_columns(head, dates)
    guesses = {name: guess_columns(target, sampled.columns, known_names, {}) for name, target in kinds.items()}
    scores = {name: score_kind(target, sampled.columns, guesses[name]) for name, target in kinds.items()}
    ranked = sorted(scores, key=lambda name: -scores[name])
    chosen = kinds[kind or ranked[0]]
    given = {name: column for name, column in mapper.items() if name in {field.name for field in chosen.fields}}
    guess = guess_columns(chosen, sampled.columns, known_names, given)
    answer = _render_head(head, sampled) | _render_guess(chosen, guess)
    zone = timezone or _guess_timezone(chosen, sampled, application)
    return answer | {
        "timezone": zone,
        "kind": chosen.name,
        "kinds": [
            {
                "kind": name,
                "score": scores[name],
                "missing": guesses[name].missing,
                "unused": list_unused(sampled.columns, guesses[name]),
                "customers": find_customers(kinds[name], guesses[name]),
            }
            for name in ranked
        ],
    }


def _render_head(head: FileHead, sampled: SampledFile) -> Json:
    types = [column.type for column in sampled.columns]
    return {
        "format": head.format,
        "encoding": head.encoding,
        "delimiter": head.delimiter,
        "decimal": "," if sampled.has_decimal_comma else ".",
        "dates": sampled.cell_format.date_order,
        "sheet": head.sheet,
        "sheets": list(head.sheets),
        "columns": [
            {"name": column.name, "type": column.type, "samples": column.list_samples()} for column in sampled.columns
        ],
        "rows": [
            [
                render_value(value, column_type, sampled.cell_format)
                for value, column_type in zip(row, types, strict=True)
            ]
            for row in head.rows[:PREVIEW_ROWS]
        ],
    }


def _render_guess(kind: TargetKind, guess: ColumnGuess) -> Json:
    return {
        "mapper": guess.mapper,
        "times": guess.times,
        "units": guess.units,
        "fields": [
            {
                "name": field.name,
                "description": field.description,
                "required": field.required,
                "type": "number" if field.type is ValueType.INTEGER else field.type.value,
                "units": list(field.units),
            }
            for field in kind.fields
        ],
        "missing": guess.missing,
    }


def _guess_timezone(kind: TargetKind, sampled: SampledFile, application: Application) -> str | None:
    """Return the time zone for instants without an offset: that of their sites, or that of the application."""
    has_instants = any(field.type is ValueType.INSTANT for field in kind.fields)
    if not sampled.has_local_times or not has_instants:
        return None
    names_place = any(field.name in PLACE_FIELDS for field in kind.fields)
    return PLACE_ZONES if names_place else application.timezone
