"""Base models of request bodies and answers, and the field types that they share.

Bodies are strict: `"1"` is not a number, unknown fields are refused, and no value is converted.
"""

import json
import re
from collections.abc import Collection
from datetime import date, datetime
from functools import lru_cache
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Literal, Self, Union, get_args, get_origin
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from okube_api.clock import stamp
from okube_api.errors import BadRequest, Fault
from okube_api.kit.json_text import escape_pointer, is_same_json
from okube_api.store.values import Json

UNSET: Any = None
"""The default of a field that may be left out but may not be null: `Body.dump_set_fields` does not return it then."""


def drop_null(schema: dict[str, Any]) -> None:
    """Remove null from the schema of an optional parameter or form field: it can be absent, but not null."""
    alternatives = [part for part in schema.get("anyOf", ()) if part.get("type") != "null"]
    if len(alternatives) == 1:
        del schema["anyOf"]
        schema.update(alternatives[0])


def drop_unset_defaults(schema: dict[str, Any]) -> None:
    """Remove the default null of `UNSET` from schemas that do not allow null."""
    for field in schema.get("properties", {}).values():
        if "default" in field and field["default"] is None:
            field.pop("default")


EMPTY_OBJECT: Any = {}
"""The default of an object in an answer."""


class Body(BaseModel):
    """Base of request bodies and of the objects in them."""

    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=True, json_schema_extra=drop_unset_defaults)

    def dump_set_fields(self, *, without: Collection[str] = ()) -> Json:
        """Return the fields that the caller sent, by their JSON names; those in `without` are left out."""
        fields = self.model_dump(by_alias=True, exclude_unset=True)
        return {name: value for name, value in fields.items() if name not in without}


KEPT_BY_EMPTY_CELL = "kept by an empty cell"
"""Marks a field that may be null in JSON, but that an empty cell of a table leaves unchanged."""


class UpdateBody(Body):
    """Base of the bodies of updates.  An answer of the resource is a valid body, which changes nothing.

    Null clears a field that may be null, and so do an empty list of a list and an empty object of an object.
    read_only: the fields of answers that an update cannot change.  They are accepted with their current value only.
    non_empty: lists that null clears, but not an empty list, which is accepted only if the list is empty now.
    not_stored: fields that are no fields of the resource: they find it, or are ignored.
    """

    read_only: ClassVar[frozenset[str]] = frozenset()
    non_empty: ClassVar[frozenset[str]] = frozenset()
    not_stored: ClassVar[frozenset[str]] = frozenset()
    _read_only_values: Json = PrivateAttr(default_factory=dict)
    _empty_values: Json = PrivateAttr(default_factory=dict)  # the empty values that null replaces

    @model_validator(mode="wrap")
    @classmethod
    def _accept_answer(cls, fields: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Validate the fields without the read-only ones, which `list_changes` checks."""
        if not isinstance(fields, dict):
            return handler(fields)
        empty_values = _list_empty_values(cls)
        read_only = {name: value for name, value in fields.items() if name in cls.read_only}
        empty = {name: value for name, value in fields.items() if value in ([], {}) and value == empty_values.get(name)}
        body = handler({name: value for name, value in fields.items() if name not in read_only} | dict.fromkeys(empty))
        body._read_only_values, body._empty_values = read_only, empty
        return body

    @property
    def read_only_values(self) -> Json:
        """The read-only fields that the caller sent."""
        return self._read_only_values

    def list_changes(self, answer: Json) -> Json:
        """Return the fields to store that the caller sent with another value than that of the resource's answer.

        answer: empty for a new resource.
        Raise BadRequest for read-only fields and empty `non_empty` lists among them.
        """
        faults = [
            Fault("body", f"/{escape_pointer(name)}", "read_only", f"'{name}' is read-only. Remove it from the body.")
            for name, value in self._read_only_values.items()
            if not _is_same_value(value, answer.get(name))
        ]
        changes = {
            name: value
            for name, value in self.dump_set_fields(without=self.not_stored).items()
            if name not in answer or not is_same_json(self._empty_values.get(name, value), answer[name])
        }
        faults += [
            Fault("body", f"/{name}", "out_of_range", f"'{name}' must not be empty. Send null to clear it.")
            for name in self.non_empty
            if changes.get(name) == []
        ]
        if faults:
            raise BadRequest(faults[0].message, faults=faults)
        return changes


@lru_cache
def list_nullable_fields(model: type[BaseModel]) -> frozenset[str]:
    """Return the JSON names of the fields of a model that may be null."""
    return frozenset(
        field.alias or name for name, field in model.model_fields.items() if NoneType in list_types(field.annotation)
    )


@lru_cache
def _list_empty_values(model: type[UpdateBody]) -> Json:
    """Return the value that clears a field besides null, by JSON name: `[]` of lists and `{}` of objects."""
    clearable = list_nullable_fields(model) - model.non_empty
    empty_values: Json = {}
    for attribute, field in model.model_fields.items():
        name = field.alias or attribute
        for kind in list_types(field.annotation) if name in clearable else ():
            if get_origin(kind) is list:
                empty_values[name] = []
            elif get_origin(kind) is dict or (isinstance(kind, type) and issubclass(kind, BaseModel)):
                empty_values[name] = {}
    return empty_values


def _is_same_value(sent: Any, present: Any) -> bool:
    """Return whether a read-only value is the current one; forms send texts."""
    if isinstance(sent, str) and not isinstance(present, str):
        return sent == ("" if present is None else json.dumps(present))
    return is_same_json(sent, present)


class Answer(BaseModel):
    """Base of answers and of the objects in them."""

    model_config = ConfigDict(populate_by_name=True)

    @classmethod
    def render(cls, document: Json) -> Json:
        """Return the declared fields of a document; a field that the document lacks has its default."""
        return {name: document.get(name, default) for name, default in _list_answer_fields(cls)}


@lru_cache
def _list_answer_fields(model: type[Answer]) -> tuple[tuple[str, Any], ...]:
    return tuple((field.alias or name, field.get_default()) for name, field in model.model_fields.items())


def list_types(annotation: Any) -> list[Any]:
    """Return the types that a field may hold: the members of a union, without annotations; null is `NoneType`."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return list_types(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return [kind for part in get_args(annotation) for kind in list_types(part)]
    return [str] if origin is Literal else [annotation]


# -- texts ---------------------------------------------------------------------------------------------------

_CONTROL = r"\u0000-\u001f\u007f-\u009f"
_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
NO_SUCH_DAY = "This day does not exist."
KEY_PATTERN = rf"^[^{_CONTROL}]+$"


def impossible_value(message: str) -> PydanticCustomError:
    """Return the error that a validator raises for a well-formed but impossible value: 422, where ValueError is 400."""
    return PydanticCustomError("impossible", "{message}", {"message": message})


def _check_timezone(name: str) -> str:
    if name not in _list_timezones():
        raise ValueError(f"Unknown time zone '{name[:100]}'. Use an IANA name such as Europe/Paris.")
    return name


@lru_cache
def _list_timezones() -> frozenset[str]:
    return frozenset(available_timezones())


def is_existing_day(text: str) -> bool:
    """Return whether a day `YYYY-MM-DD` is in the calendar: 30 February is not."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _check_day(text: str) -> str:
    """Check that a day is written `YYYY-MM-DD`; Python also reads other forms of ISO 8601."""
    if not _DAY.fullmatch(text):
        raise ValueError("Write a day as YYYY-MM-DD.")
    if not is_existing_day(text):
        raise ValueError(NO_SUCH_DAY)
    return text


def _convert_instant(text: str) -> str:
    """Return an RFC 3339 instant in UTC; Python also reads other forms of ISO 8601, which are refused."""
    if not _RFC3339.fullmatch(text):
        raise ValueError("Write an instant as 2019-03-28T09:25:15.000Z, with Z or an offset.")
    try:
        return stamp(datetime.fromisoformat(text.upper()))
    except OverflowError:
        raise ValueError("The instant is outside of the years 1 to 9999 in UTC.") from None


def _check_distinct(values: list[str]) -> list[str]:
    if len(set(values)) < len(values):
        raise ValueError("Duplicate values: list each value once.")
    return values


def _drop_duplicates(values: list[str]) -> list[str]:
    return list(dict.fromkeys(values))


Text = Annotated[str, Field(min_length=1)]
Key = Annotated[str, Field(min_length=1, max_length=250, pattern=KEY_PATTERN, examples=["lyon-2"])]
_UNIQUE: Any = {"uniqueItems": True}
Keys = Annotated[
    list[Key], Field(min_length=1, max_length=10, json_schema_extra=_UNIQUE), AfterValidator(_check_distinct)
]
UpdatedKeys = Annotated[
    list[Key], Field(max_length=10, json_schema_extra=_UNIQUE | {"minItems": 1}), AfterValidator(_check_distinct)
]
"""Alternative keys of an update; the list may be empty only where it is empty already."""

TagList = Annotated[list[Text], Field(examples=[["flagship"]]), AfterValidator(_drop_duplicates)]
"""Tags, each once; the list may be empty."""

Tags = Annotated[TagList, Field(min_length=1)]
References = Annotated[list[Key], Field(min_length=1, max_length=10_000)]
"""Ids or keys of other resources."""

ReferenceFilter = Annotated[list[Key], Field(min_length=1, max_length=500)]
"""Ids or keys of other resources in a query: a URL may have 16 KB, which 500 ids need."""

ReferenceList = Annotated[list[Key], Field(max_length=10_000)]
"""Ids or keys of other resources; the list may be empty."""

_ZONE: Any = {"format": "iana-time-zone"}
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", examples=["EUR"])]
Timezone = Annotated[
    str, Field(min_length=1, examples=["Europe/Paris"], json_schema_extra=_ZONE), AfterValidator(_check_timezone)
]
Day = Annotated[
    str, AfterValidator(_check_day), WithJsonSchema({"type": "string", "format": "date", "examples": ["2019-03-28"]})
]
Instant = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
"""An instant in an answer, in UTC."""

GivenInstant = Annotated[
    str,
    AfterValidator(_convert_instant),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2030-01-01T00:00:00.000Z"]}),
]
"""An instant in a body, with any offset; validation converts it to UTC, in the form of answers."""

Identifier = Annotated[str, Field(pattern=r"^[0-9a-f]{24}$", examples=["5e1834b0e12d62a85b388a1b"])]

# -- objects with free-form names ---------------------------------------------------------------------------------

_NAME = re.compile(rf"[^$.{_CONTROL}][^.{_CONTROL}]{{0,249}}")
_OBJECT: Any = {
    "type": "object",
    "propertyNames": {"pattern": rf"^[^$.{_CONTROL}][^.{_CONTROL}]*$", "minLength": 1, "maxLength": 250},
}


def _check_names(fields: dict[str, Any]) -> dict[str, Any]:
    """Check the names of an object: no dots, which separate column names, and no leading `$`."""
    for name in fields:
        if not _NAME.fullmatch(name):
            raise ValueError(
                f"Invalid name '{name[:50]}'. Use 1 to 250 characters, no dot, no control character and no leading $."
            )
    return fields


def _check_scalars(fields: dict[str, Any]) -> dict[str, Any]:
    for name, value in fields.items():
        if isinstance(value, dict | list):
            raise ValueError(f"'{name[:50]}' must be a text, a number, a boolean or null.")
    return fields


SCALAR_SCHEMA: Any = {"type": ["string", "number", "boolean", "null"]}
SCALARS_SCHEMA: Any = {**_OBJECT, "additionalProperties": SCALAR_SCHEMA}

Scalars = Annotated[
    dict[str, Any],
    AfterValidator(_check_names),
    AfterValidator(_check_scalars),
    WithJsonSchema(SCALARS_SCHEMA),
]
"""An object of texts, numbers, booleans and nulls."""

FreeObject = Annotated[dict[str, Any], AfterValidator(_check_names), WithJsonSchema(_OBJECT)]
"""An object of any JSON values."""


# -- objects that keep unknown names ------------------------------------------------------------------------------

_MAX_UNKNOWN_BYTES = 4096


def _describe_open_object(schema: dict[str, Any]) -> None:
    drop_unset_defaults(schema)
    schema["additionalProperties"] = {"anyOf": [SCALAR_SCHEMA, {"type": "array", "items": SCALAR_SCHEMA}]}
    schema["propertyNames"] = _OBJECT["propertyNames"]


class OpenObject(Body):
    """Base of objects that keep unknown names, whose values are scalars or lists of scalars, 4 KB of JSON at most.

    A declared field that is null or an empty list counts as absent; an unknown name may have these values.
    """

    model_config = ConfigDict(extra="allow", populate_by_name=False, json_schema_extra=_describe_open_object)

    @model_validator(mode="after")
    def _check_unknown_names(self) -> Self:
        unknown = self.__pydantic_extra__ or {}
        _check_names(unknown)
        for name, value in unknown.items():
            items = value if isinstance(value, list) else [value]
            if any(isinstance(item, dict | list) for item in items):
                raise ValueError(f"'{name[:50]}' must be a text, a number, a boolean, null, or a list of these.")
        if len(json.dumps(unknown, ensure_ascii=False).encode()) > _MAX_UNKNOWN_BYTES:
            raise ValueError(f"The unknown names and their values may have {_MAX_UNKNOWN_BYTES:,} bytes at most.")
        empty = {name for name in type(self).model_fields if getattr(self, name) in (None, [])}
        self.model_fields_set.difference_update(empty)
        return self


def list_unknown_names(fields: Json | None, model: type[OpenObject]) -> list[str]:
    """Return the names in an object that its model does not declare."""
    return [name for name in fields or () if name not in _list_names(model)]


@lru_cache
def _list_names(model: type[BaseModel]) -> frozenset[str]:
    return frozenset(field.alias or name for name, field in model.model_fields.items())
