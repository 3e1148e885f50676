"""Form fields that accompany an uploaded table: how it is written, and which of its columns is which field."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema, create_model, model_validator
from pydantic.json_schema import SkipJsonSchema

from okube_api.errors import UnsupportedMedia
from okube_api.kit.encodings import find_codec
from okube_api.kit.schemas import UNSET, Body, Text, Timezone
from okube_api.store.values import Json
from okube_api.tables.columns import CellType, list_columns
from okube_api.tables.parsing import ID_COLUMN

Units = Mapping[str, Mapping[str, Fraction]]
"""By the name of a column, the units that its numbers may have, as multiples of the field's unit."""

LENGTHS_M = {"m": Fraction(1), "km": Fraction(1000), "ft": Fraction(3048, 10_000), "mi": Fraction(1_609_344, 1000)}
DURATIONS_DAYS = {"d": Fraction(1), "h": Fraction(1, 24), "min": Fraction(1, 1440)}


def _check_encoding(name: str) -> str:
    try:
        find_codec(name)
    except UnsupportedMedia as refusal:
        raise ValueError(refusal.detail) from None
    return name


_ENCODINGS: Any = {"type": "string", "enum": ["utf8", "utf-16", "iso-8859-1", "windows-1252"]}
TableEncoding = Annotated[
    str, AfterValidator(_check_encoding), WithJsonSchema(_ENCODINGS), Field(examples=["windows-1252"])
]


class ColumnFields(Body):
    """Base of form fields by column: `name[address.city]` or `name[address][city]`.

    body: the model whose columns they are.
    shared_names: names of a column that are also names of an object with free-form names: `name`, `name[x]`.
    """

    model_config = ConfigDict(populate_by_name=False)
    body: ClassVar[type[Body]]
    shared_names: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _name_by_column(cls, fields: Any) -> Any:
        """Return the fields by the names of their columns; free-form names are in an object, by their first part."""
        if not isinstance(fields, dict):
            return fields
        declared = {field.alias for field in cls.model_fields.values()}
        by_column: dict[str, Any] = {}
        for name, value in fields.items():
            parts = value if isinstance(value, dict) else {"": value}
            for inner, text in parts.items():
                column_name = f"{name}.{inner}" if inner else name
                first, _, rest = column_name.partition(".")
                column = list_columns(cls.body).find_column(column_name)
                is_free = column_name not in declared and column and column.cell_type is CellType.FREE
                if (is_free and first in declared) or column_name in cls.shared_names:
                    by_column.setdefault(first, {})[rest] = text
                else:
                    by_column[column_name] = text
        return by_column

    def list_by_column(self) -> dict[str, Any]:
        """Return the fields by the names of their columns."""
        by_column: dict[str, Any] = {}
        for name, value in self.dump_set_fields().items():
            by_column |= (
                {f"{name}.{inner}" if inner else name: text for inner, text in value.items()}
                if isinstance(value, dict)
                else {name: value}
            )
        return by_column


class TableForm(Body):
    """Form fields that accompany an uploaded table."""

    app: Annotated[str, Field(min_length=1)] = Field(
        UNSET, description="Id or key of the application; only if the path does not name it."
    )
    encoding: TableEncoding = Field(
        "utf8",
        description="Encoding of the file: one of these, or any other usual name such as `iso-8859-15`. A byte-order "
        "mark overrides it.",
    )
    delimiter: Annotated[str, Field(pattern=r'^[^"\r\n]$')] = Field(
        UNSET, description="One character; if absent, it is detected from the header."
    )
    dates: Literal["dmy", "mdy"] = Field(
        UNSET,
        description="Order of day and month in days such as 31/12/2024. If absent, such days are understood when the "
        "days of the file leave one order.",
    )
    timezone: Timezone = Field(
        UNSET, description="Time zone in which instants such as 2024-03-31T22:00:00Z are days, an IANA name."
    )
    sheet: Annotated[str, Field(min_length=1)] = Field(
        UNSET, description="Name of the sheet of a workbook; if absent, the first with data."
    )
    mapper: Any = UNSET
    unit: Any = UNSET


@dataclass(frozen=True, slots=True)
class TableFields:
    """The form fields of tables of one kind.

    form: the model of the form.  aliases: names of columns in the mapper, in addition to those of `body`.
    """

    form: type[TableForm]
    aliases: Mapping[str, str]
    units: Units

    def map_columns(self, form: TableForm) -> dict[str, str] | None:
        """Return the file's column for each column of the model; None without a mapper."""
        if form.mapper is None:
            return None
        named = form.mapper.list_by_column()
        has_id = named.pop("id", False)
        columns = {self.aliases.get(name, name): column for name, column in named.items()}
        return columns | ({ID_COLUMN: ID_COLUMN} if has_id else {})

    def rename_values(self, trial: Json) -> Json:
        """Return the answer of a dry run with the short names of columns."""
        names = {column: name for name, column in self.aliases.items()}
        lines = [
            line
            | {
                "values": {names.get(name, name): value for name, value in line["values"].items()},
                "errors": [error | {"field": names.get(error["field"], error["field"])} for error in line["errors"]],
            }
            for line in trial["lines"]
        ]
        return trial | {"lines": lines}

    def find_factors(self, form: TableForm) -> dict[str, Fraction]:
        """Return the number by which those of a column are multiplied, by the name of the column."""
        units = {} if form.unit is None else form.unit.list_by_column()
        return {name: self.units[name][unit] for name, unit in units.items()}


def _is_second_spelling(name: str, aliases: Mapping[str, str]) -> bool:
    """Return whether generated clients would give a name of a column and the column's own name the same identifier."""
    return "_" in name and aliases.get(name) == name.replace("_", ".")


def build_table_fields(
    title: str, body: type[Body], *, aliases: Mapping[str, str] | None = None, units: Units | None = None
) -> TableFields:
    """Return the form fields of tables whose columns are the fields of `body`.

    title: name of the form in the OpenAPI document.
    """
    aliases, units = aliases or {}, units or {}
    columns = list_columns(body)
    names = [*aliases, *(name for name in columns.readable_names if name not in aliases)]
    free = [*columns.free_objects, *(name for name, item in columns.single_items.items() if item.keeps_unknown_names)]
    mapped: dict[str, Any] = {
        f"column_{index}": (
            SkipJsonSchema[Text] if _is_second_spelling(name, aliases) else Text,
            Field(UNSET, alias=name, description=_describe(aliases.get(name, name))),
        )
        for index, name in enumerate(names)
        if name not in free
    }
    mapped |= {f"object_{index}": (dict[str, Text], Field(UNSET, alias=name)) for index, name in enumerate(free)}
    mapped["id"] = (
        bool,
        Field(UNSET, alias="id", description="Whether the `_id` column of the file identifies existing resources."),
    )
    with_units: dict[str, Any] = {
        f"column_{index}": (
            Literal[tuple(factors)],
            Field(UNSET, alias=name, description=f"Unit of `{name}` in the file."),
        )
        for index, (name, factors) in enumerate(units.items())
    }
    mapper = create_model(f"{title}Mapper", __base__=ColumnFields, __doc__="Columns of the file, by field.", **mapped)
    unit = create_model(f"{title}Units", __base__=ColumnFields, __doc__="Units of columns.", **with_units)
    mapper.body = unit.body = body
    mapper.shared_names = frozenset(aliases) & frozenset(free)
    form = create_model(f"{title}Form", __base__=TableForm, mapper=(mapper, UNSET), unit=(unit, UNSET))
    return TableFields(form, aliases, units)


def _describe(name: str) -> str:
    return f"The file's column for `{name}`. With a mapper, other columns are not read."
