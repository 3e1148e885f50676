"""Bodies of several parts: fields, and files that are set aside on disk while they come in.

A `MultipartRoute` stands beside the route of the same path that takes JSON, before it: it matches only requests whose
body is `multipart/form-data`.  The other one shows both in the OpenAPI document.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, get_origin

from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.routing import Match
from starlette.types import Scope

from okube_api.api.form import from_pairs
from okube_api.api.route import UploadRoute
from okube_api.errors import BadRequest, TooLarge, UnsupportedMedia
from okube_api.kit.json_text import escaped
from okube_api.kit.schemas import alternatives
from okube_api.settings import Settings
from okube_api.store.base import Json

MULTIPART = "multipart/form-data"

_FRAME = 65_536  # what boundaries and fields may add to a file of the largest size
_MOST_FIELDS, _MOST_FILES = 1000, 10

Model = TypeVar("Model", bound=BaseModel)


class TableRoute(UploadRoute):
    """A route for a file of the largest size, and fields beside it."""

    def body_limit(self, settings: Settings) -> int:
        """The most bytes of all parts together."""
        return settings.upload_limit + _FRAME


class MultipartRoute(TableRoute):
    """The same, for requests of several parts only."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Leaves requests with another body to the routes after it."""
        headers = dict(scope.get("headers", ()))
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        return super().matches(scope) if kind == MULTIPART.encode() else (Match.NONE, {})


def multipart(
    router: APIRouter,
    methods: str,
    paths: Collection[str],
    route: type[MultipartRoute] = MultipartRoute,
    **settings: Any,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Registers an endpoint for bodies of several parts under all `paths`; it reads the body by `read_parts`."""

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


def multipart_body(model: type[BaseModel], files: Mapping[str, bool]) -> Json:
    """A body of several parts, for a route's `openapi_extra`: the fields of `model`, and files.

    files: by name, whether each is required.  What it is in the document is made with it, by `spelt_out`.
    """
    return {_PARTS: (model, files)}


def spelt_out(extra: Json | None) -> Json | None:
    """A route's `openapi_extra` with the media type of its body of several parts, if it has one."""
    if not extra or _PARTS not in extra:
        return extra
    return {name: value for name, value in extra.items() if name != _PARTS} | _media_type(*extra[_PARTS])


def _media_type(model: type[BaseModel], files: Mapping[str, bool]) -> Json:
    schema: Json = {"type": "object", "properties": dict(_properties(model)), "additionalProperties": False}
    schema["properties"] |= {name: {"type": "string", "format": "binary"} for name in files}
    required = [one.alias or name for name, one in model.model_fields.items() if one.is_required()]
    if required := [*required, *(name for name, needed in files.items() if needed)]:
        schema["required"] = required
    return {"requestBody": {"content": {MULTIPART: {"schema": schema}}}}


def _properties(model: type[BaseModel], within: str = "") -> Iterator[tuple[str, Json]]:
    """The fields of a form, by name, those of objects in brackets; objects of any names are left out."""
    schemas = model.model_json_schema(by_alias=True)["properties"]
    for name, one in model.model_fields.items():
        alias = one.alias or name
        shown = f"{within}[{alias}]" if within else alias
        kinds = alternatives(one.annotation)
        inner = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        if inner:
            yield from _properties(inner[0], shown)
        elif not any(get_origin(kind) is dict for kind in kinds):
            yield shown, schemas[alias]


@dataclass(frozen=True, slots=True)
class Parts:
    """A body of several parts: fields in order, files by name."""

    fields: list[tuple[str, str]]
    files: dict[str, UploadFile]

    def body(self, model: type[Model]) -> Model:
        """The fields as a body.  Raises BadRequest, and what FastAPI raises for an invalid body."""
        try:
            return model.model_validate(from_pairs(self.fields, model))
        except ValidationError as error:
            found = [{**one, "loc": ("body", *one["loc"])} for one in error.errors(include_url=False)]
            raise RequestValidationError(found) from None

    async def close(self) -> None:
        """Lets go of the files."""
        for file in self.files.values():
            await file.close()


async def read_parts(request: Request, files: Collection[str], limit: int) -> Parts:
    """Reads the body, in which files may stand under the names of `files`, of so many bytes at most, each once.

    Raises BadRequest, TooLarge and UnsupportedMedia.
    """
    if request.headers.get("content-encoding", "identity") != "identity":
        raise UnsupportedMedia("Compressed bodies are not taken here.")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != MULTIPART:
        raise UnsupportedMedia(f"The body must be {MULTIPART}, not '{kind[:100]}'.")
    parser = _Strict(request.headers, request.stream(), max_files=_MOST_FILES, max_fields=_MOST_FIELDS)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise BadRequest(f"The body is not {MULTIPART}: {error.message}") from None
    try:
        return _parts(form, files, limit)
    except BaseException:
        await form.close()
        raise


def _parts(form: FormData, files: Collection[str], limit: int) -> Parts:
    parts = Parts([], {})
    for name, value in form.multi_items():
        if isinstance(value, str):
            parts.fields.append((name, value))
            continue
        pointer = f"/{escaped(name)}"
        if name not in files:
            raise BadRequest.because("body", pointer, "unknown_field", f"There is no file '{name[:100]}' here.")
        if name in parts.files:
            raise BadRequest.because("body", pointer, "repeated", "This may be given once only.")
        if (value.size or 0) > limit:
            raise TooLarge(f"The file may have {limit:,} bytes at most.")
        parts.files[name] = value
    return parts


class _Strict(MultiPartParser):
    """Starlette's parser, which would take a body that was cut short, and texts of another encoding than UTF-8."""

    ended = False

    def on_end(self) -> None:
        self.ended = True

    def on_part_end(self) -> None:
        if self._current_part.file is None:
            try:
                self._current_part.data.decode("utf-8")
            except UnicodeDecodeError:
                raise MultiPartException("a field is not UTF-8.") from None
        super().on_part_end()

    async def parse(self) -> FormData:
        form = await super().parse()
        if not self.ended:
            for file in self._files_to_close_on_error:
                file.close()
            raise MultiPartException("its last boundary is missing.")
        return form
