"""Bodies of several parts (`multipart/form-data`): form fields, and files that are spooled to disk.

A `MultipartRoute` has the same path as a route that takes JSON and is registered before it: it matches only requests
with a body of several parts.  The OpenAPI document shows both bodies at the other route.
"""

from asyncio import sleep
from codecs import getincrementaldecoder
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Any, TypeVar, get_origin

from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.routing import Match
from starlette.types import Scope

from okube_api.api.container import get_services
from okube_api.api.form import parse_pairs
from okube_api.api.request_body import MAX_BYTES_ON_LOOP, run_in_thread
from okube_api.api.route import UploadRoute
from okube_api.errors import BadRequest, TooLarge, UnsupportedMedia
from okube_api.http.ignored_names import note_ignored, remove_unknown_fields
from okube_api.kit.json_text import escape_pointer
from okube_api.kit.schemas import drop_null, list_types
from okube_api.settings import Settings
from okube_api.store.values import Json

MULTIPART = "multipart/form-data"
PICTURE, PICTURE_TYPES = "thumbnail", ("image/png", "image/jpeg", "image/webp")
"""Name of the file that is a picture, and its types."""

_MAX_OVERHEAD = 65_536  # bytes of boundaries and form fields, in addition to a file of the maximum size
_MAX_PARTS, _MAX_FILES = 25_000, 10  # a site has two lists of 10,000 cells
_MAX_FIELD_BYTES = 1_048_576
_MAX_PARTS_AT_ONCE, _BYTES_AT_ONCE = 100, 8192
"""A chunk of more parts is parsed in pieces, so that each occupies the event loop for a few milliseconds only."""

Model = TypeVar("Model", bound=BaseModel)


class TableRoute(UploadRoute):
    """A route for an uploaded table and form fields."""

    def body_limit(self, settings: Settings) -> int:
        """Return the maximum size of all parts together, in bytes."""
        return settings.upload_limit + _MAX_OVERHEAD


class MultipartRoute(TableRoute):
    """A route that matches only requests with a body of several parts.

    It ignores the options of the answer to JSON, which is documented for the same path.
    """

    ignored_parameters = frozenset({"with_extra"})

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match by path and method, unless the body is of another type: then a later route can match."""
        headers = dict(scope.get("headers", ()))
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        return super().matches(scope) if kind == MULTIPART.encode() else (Match.NONE, {})


def register_multipart(
    router: APIRouter,
    methods: str,
    paths: Collection[str],
    route: type[MultipartRoute] = MultipartRoute,
    **settings: Any,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that registers an endpoint for bodies of several parts under all `paths`.

    The endpoint reads the body with `read_parts`.
    """

    def register(endpoint: Callable[..., Any]) -> Callable[..., Any]:
        for path in paths:
            router.add_api_route(
                path,
                endpoint,
                methods=methods.split(),
                include_in_schema=False,
                route_class_override=route,
                **settings,
            )
        return endpoint

    return register


_PARTS = "x-parts"


def describe_multipart(model: type[BaseModel], files: Mapping[str, bool]) -> Json:
    """Return a placeholder for a route's `openapi_extra`: a body with the fields of `model`, and files.

    files: whether each file is required, by name.
    `expand_multipart` replaces the placeholder when the document is built, since JSON Schemas are slow to generate.
    """
    return {_PARTS: (model, files)}


def expand_multipart(extra: Json | None) -> Json | None:
    """Return a route's `openapi_extra` with the placeholder of `describe_multipart` replaced by the request body."""
    if not extra or _PARTS not in extra:
        return extra
    return {name: value for name, value in extra.items() if name != _PARTS} | _describe_body(*extra[_PARTS])


def _describe_body(model: type[BaseModel], files: Mapping[str, bool]) -> Json:
    schema: Json = {
        "title": f"{model.__name__.removesuffix('Form')}Form",  # its name in the document
        "description": "Fields and files of a form.",
        "type": "object",
        "properties": dict(_list_properties(model)),
        "additionalProperties": False,
    }
    if dependent := _list_dependent(model):
        schema["dependentRequired"] = dependent
    schema["properties"] |= {name: {"type": "string", "format": "binary"} for name in files}
    required = [field.alias or name for name, field in model.model_fields.items() if field.is_required()]
    if required := [*required, *(name for name, is_required in files.items() if is_required)]:
        schema["required"] = required
    media: Json = {"schema": schema}
    if PICTURE in files:
        media["encoding"] = {PICTURE: {"contentType": ", ".join(PICTURE_TYPES)}}
    body: Json = {"content": {MULTIPART: media}}
    return {"requestBody": body | ({"required": True} if any(files.values()) else {})}


def _list_properties(model: type[BaseModel], within: str = "") -> Iterator[tuple[str, Json]]:
    """Yield name and schema of each documented form field: `address[city]` within objects; no objects with free names.

    A form has no null: where the model allows it, an empty text means it.
    """
    schemas = model.model_json_schema(by_alias=True)["properties"]
    for name, field in model.model_fields.items():
        alias = field.alias or name
        full_name = f"{within}[{alias}]" if within else alias
        kinds = list_types(field.annotation)
        if inner := _find_model(kinds):
            yield from _list_properties(inner, full_name)
        elif alias in schemas and not any(get_origin(kind) is dict for kind in kinds):
            drop_null(schemas[alias])
            if schemas[alias].get("type") == "array":
                schemas[alias].setdefault("minItems", 1)  # a form sends nothing for an empty list
            yield full_name, schemas[alias]


def _list_dependent(model: type[BaseModel]) -> dict[str, list[str]]:
    """Return the fields that an object of a form must have, by each of its other fields."""
    dependent: dict[str, list[str]] = {}
    for outer, field in model.model_fields.items():
        if inner := _find_model(list_types(field.annotation)):
            within = field.alias or outer
            names = {f"{within}[{part.alias or name}]": part.is_required() for name, part in inner.model_fields.items()}
            for name in names:
                others = [other for other, is_required in names.items() if is_required and other != name]
                dependent |= {name: others} if others else {}
    return dependent


def _find_model(kinds: Collection[Any]) -> type[BaseModel] | None:
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


@dataclass(frozen=True, slots=True)
class MultipartBody:
    """A parsed body of several parts: form fields in order, files by name.

    scope: of the request whose unknown fields are left out and named in the answer; None where they are refused.
    """

    fields: list[tuple[str, str]]
    files: dict[str, UploadFile]
    scope: Scope | None

    async def validate(self, request: Request, model: type[Model]) -> Model:
        """Return the form fields as a body.  Raise BadRequest or, like FastAPI, RequestValidationError."""
        is_large = sum(len(name) + len(text) for name, text in self.fields) > MAX_BYTES_ON_LOOP
        work = partial(self._validate, model)
        return await run_in_thread(request, work) if is_large else work()

    def _validate(self, model: type[Model]) -> Model:
        value = parse_pairs(self.fields, model)
        while True:
            try:
                return model.model_validate(value)
            except ValidationError as error:
                errors = [{**fault, "loc": ("body", *fault["loc"])} for fault in error.errors(include_url=False)]
            unknown = remove_unknown_fields(value, errors) if self.scope is not None else []
            if self.scope is None or not unknown:
                raise RequestValidationError(errors)
            note_ignored(self.scope, [f"body{pointer}" for pointer in unknown])

    async def close(self) -> None:
        """Close the files."""
        for file in self.files.values():
            await file.close()


async def read_parts(request: Request, files: Collection[str], limit: int) -> MultipartBody:
    """Parse the body of a request.

    files: names of the files that the body may contain, each once.
    limit: maximum size of a file, in bytes.
    Raise BadRequest, TooLarge or UnsupportedMedia.
    """
    if request.headers.get("content-encoding", "identity") != "identity":
        raise UnsupportedMedia("Compressed bodies are not accepted. Send the body without Content-Encoding.")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != MULTIPART:
        raise UnsupportedMedia(f"The body must be {MULTIPART}, not '{kind[:100]}'.")
    parser = _StrictParser(request.headers, request.stream())
    try:
        form = await parser.parse()
    except _FormTooLarge as error:
        raise TooLarge(error.message) from None
    except MultiPartException as error:
        raise BadRequest(f"The body is not valid {MULTIPART}: {error.message}") from None
    try:
        ignores_unknown = get_services(request).settings.unknown_fields == "ignore"
        return await _collect_parts(form, files, limit, request.scope if ignores_unknown else None)
    except BaseException:
        await form.close()
        raise


async def _collect_parts(
    form: FormData, files: Collection[str], limit: int, ignoring_scope: Scope | None
) -> MultipartBody:
    parts = MultipartBody([], {}, ignoring_scope)
    for name, value in form.multi_items():
        if isinstance(value, str):
            parts.fields.append((name, value))
            continue
        pointer = f"/{escape_pointer(name)}"
        if name not in files and ignoring_scope is not None:
            await value.close()
            note_ignored(ignoring_scope, [f"body{pointer}"])
            continue
        if name not in files:
            names = " or ".join(f"'{file}'" for file in files)
            hint = f"Name it {names}." if files else "This form has no files."
            raise BadRequest.with_code("body", pointer, "unknown_field", f"Unknown file '{name[:100]}'. {hint}")
        if name in parts.files:
            raise BadRequest.with_code("body", pointer, "repeated", "This file may be sent only once.")
        if (value.size or 0) > limit:
            raise TooLarge(f"The file may have {limit:,} bytes at most.")
        parts.files[name] = value
    return parts


class _FormTooLarge(MultiPartException):
    """A form has too many fields, or one that is too long.

    Starlette's parser closes its files for exceptions of its own class only.
    """


class _StrictParser(MultiPartParser):
    """Parser that also refuses what Starlette's accepts: a body that was cut short, and form fields that are not UTF-8.

    Starlette reads fields of another encoding as Latin-1.  Whether a part is a field or a file is known only at its
    end, so every part is decoded as it arrives, up to its first error.
    """

    def __init__(self, headers: Headers, stream: AsyncGenerator[bytes, None]) -> None:
        super().__init__(
            headers,
            self._split_chunks(self._require_end(stream)),
            max_files=_MAX_FILES,
            max_fields=inf,
            max_part_size=_MAX_FIELD_BYTES,
        )
        self.is_complete = False
        self.part_count = 0
        self.is_utf8 = True
        self.decoder = getincrementaldecoder("utf-8")()

    def on_part_begin(self) -> None:
        self.part_count += 1
        if self.part_count > _MAX_PARTS:
            raise _FormTooLarge(
                f"The form may have {_MAX_PARTS:,} parts at most. Send a long list as JSON in one field."
            )
        super().on_part_begin()
        self.is_utf8 = True
        self.decoder.reset()

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        try:
            super().on_part_data(data, start, end)
        except MultiPartException:
            raise _FormTooLarge(f"A form field may have {_MAX_FIELD_BYTES:,} bytes at most.") from None
        self._decode(data[start:end])

    def on_part_end(self) -> None:
        super().on_part_end()
        _name, value = self.items[-1]
        if isinstance(value, str):
            self._decode(b"", final=True)
            if not self.is_utf8:
                raise MultiPartException("a field is not UTF-8.")

    def on_end(self) -> None:
        self.is_complete = True

    async def _require_end(self, stream: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        """Yield the stream; raise at its end unless the last boundary was found.

        The parser closes its files when its stream raises.  Once it has returned, nothing could close the files of
        unfinished parts.
        """
        async for chunk in stream:
            yield chunk
        if not self.is_complete:
            raise MultiPartException("its last boundary is missing.")

    async def _split_chunks(self, chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        """Yield chunks of many parts in pieces; let other requests continue after each."""
        async for chunk in chunks:
            if chunk.count(b"\n--") <= _MAX_PARTS_AT_ONCE:
                yield chunk
                continue
            for start in range(0, len(chunk), _BYTES_AT_ONCE):
                yield chunk[start : start + _BYTES_AT_ONCE]
                await sleep(0)

    def _decode(self, data: bytes, *, final: bool = False) -> None:
        if self.is_utf8:
            try:
                self.decoder.decode(data, final)
            except UnicodeDecodeError:
                self.is_utf8 = False
