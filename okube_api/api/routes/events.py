"""Routes of the ingest: files of events, and the batches made of them."""

import re
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Path, Query
from pydantic import BaseModel, ConfigDict, Field, create_model
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from okube_api.api.access import CanAdmin, CanEdit, CanRead
from okube_api.api.aliases import register_aliased, under_applications
from okube_api.api.container import ServicesDep
from okube_api.api.examples import EVENTS
from okube_api.api.openapi import refusals
from okube_api.api.route import ApiRoute, UploadRoute
from okube_api.errors import Impossible, NotFound, format_suggestion
from okube_api.http.client_disconnect import BodyStream, cancel_on_disconnect
from okube_api.http.pagination import Page, answer_page, json_response
from okube_api.ingest.events.kinds import KINDS, json_schemas
from okube_api.ingest.field_names import suggest_field
from okube_api.ingest.load.file_blocks import EventFile
from okube_api.ingest.parse.codecs import Encoding, Format, parse_charset, parse_content_encoding, parse_content_type
from okube_api.ingest.parse.column_checks import get_field_rules, get_schema
from okube_api.ingest.parse.read_options import ReadOptions, list_units
from okube_api.ingest.schemas import BatchAnswer
from okube_api.kit.cells import ValueType
from okube_api.kit.dry_run import DryRunAnswer
from okube_api.kit.headers import guess_delimiter
from okube_api.kit.list_query import PageQuery
from okube_api.kit.switches import Switch
from okube_api.settings import Settings
from okube_api.store.conditions import equal
from okube_api.store.values import Json
from okube_api.tables.formula_marks import mark_cells


class BatchRoute(ApiRoute):
    """A route of batches, or of an application's ingest."""

    def belongs_elsewhere(self, path_params: Mapping[str, str]) -> bool:
        """Return whether the path names a kind of events instead of a batch."""
        return path_params.get("batch") in KINDS


router = APIRouter(route_class=BatchRoute, tags=["ingest"])

BATCHES = under_applications("/ingest")
BATCH = under_applications("/ingest/{batch}")
REJECTED = under_applications("/ingest/{batch}/rejected")
KIND = under_applications("/ingest/{kind}")
USER = under_applications("/users-data/{user}")
REBUILD = under_applications("/rebuild")

_FILE = {"schema": {"type": "string", "format": "binary"}}
# The array is the first, since generators of clients type the body by the first content: lists of objects.
_FILES: Json = {
    Format.JSON.value: {
        "schema": {
            "description": "Events, as in `GET /ingest/schemas`.",
            "type": "array",
            "items": {"type": "object", "additionalProperties": True},
        },
        "example": EVENTS,
    },
    **{file_format.value: _FILE for file_format in Format if file_format is not Format.JSON},
}
_STORED = {
    "description": "Stored. Analytics include the events once the `state` of the batch is `visible`.",
    "model": BatchAnswer,
}
_TRIED = {
    "description": "With `dryRun=true`: checked, and nothing written.",
    "model": DryRunAnswer,
}
_BODY = {"requestBody": {"required": True, "content": _FILES}}

BatchInPath = Annotated[str, Path(description="Id of the batch.")]
KindInPath = Annotated[str, Path(description="Kind of the events.", json_schema_extra={"enum": list(KINDS)})]


class IngestQuery(BaseModel):
    """The parameters of an ingest: how to answer, and how the file is written."""

    model_config = ConfigDict(extra="ignore")  # the route refuses unknown parameters

    wait: Switch = Field(
        True, description="If true, answer when analytics include the events; if false, as soon as they are stored."
    )
    atomic: Switch = Field(False, description="Accept the file completely or not at all: one invalid line refuses it.")
    dry_run: Switch = Field(
        False,
        alias="dryRun",
        description="Check the lines and write nothing. The answer has the values of the first lines as the server "
        "reads them, and why lines would be rejected.",
    )
    encoding: str | None = Field(
        None,
        description="Encoding of the text, such as `windows-1252` or `utf-16`; overrides the `charset` of the content "
        "type. A byte-order mark overrides both.",
    )
    delimiter: str | None = Field(
        None,
        pattern=r"^[\x01-\x09\x0b\x0c\x0e-!#-\x7f]?$",
        description="Delimiter of CSV, one ASCII character but a quote or line end; if absent, it is detected.",
    )
    dates: Literal["dmy", "mdy", ""] | None = Field(
        None,
        description="Order of day and month in days such as 31/12/2024: `dmy` or `mdy`. If absent, such days are "
        "understood when the days of the file leave one order.",
    )
    timezone: str | None = Field(
        None,
        description="IANA time zone of instants without an offset, or `site` for the time zone of the site, point of "
        "interest or equipment that each event names. If absent, such instants are rejected.",
        examples=["Europe/Paris", "site"],
        json_schema_extra={"format": "iana-time-zone"},
    )

    sheet: str | None = Field(None, description="Name of the sheet of a workbook; if absent, the first with data.")
    name: str | None = Field(
        None, max_length=250, description="Name of the file, by which people recognise the batch.", examples=["may.csv"]
    )

    def to_options(self, charset: str | None) -> ReadOptions:
        """Return the options of the file; empty ones are absent.

        charset: that of the content type.
        """
        given = {name: value for name, value in self.model_dump(by_alias=True).items() if value}
        return ReadOptions(
            given.get("encoding", charset),
            given.get("delimiter"),
            given.get("dates"),
            given.get("timezone"),
            mapper=_select_option(given, "mapper"),
            units=_select_option(given, "unit"),
            times=_select_option(given, "time"),
            sheet=given.get("sheet"),
        )


def _select_option(given: Json, name: str) -> dict[str, str]:
    """Return the values of an option such as `mapper[user]` by field."""
    prefix = f"{name}["
    return {key[len(prefix) : -1]: value.strip() for key, value in given.items() if key.startswith(prefix)}


def _describe_options() -> dict[str, Any]:
    """Return the parameters `mapper[field]` of every field of any kind, `unit[field]` and `time[field]` of some."""
    rules = [rule for kind in KINDS for rule in get_field_rules(kind)]
    fields = dict.fromkeys(rule.name for rule in rules)
    instants = dict.fromkeys(rule.name for rule in rules if rule.value_type is ValueType.INSTANT)
    units_of_field = {name: units for kind in KINDS for name, units in list_units(kind).items()}
    mapper = {
        f"mapper_{name}": Field(None, alias=f"mapper[{name}]", description=f"Name of the file's column with `{name}`.")
        for name in fields
    }
    units = {
        f"unit_{name}": Field(
            None,
            alias=f"unit[{name}]",
            description=f"Unit of `{name}`: {', '.join(units_of_field[name])}."
            + (" Rounded to whole seconds; seconds if absent." if name.endswith("_s") else ""),
            examples=[next(unit for unit, factor in units_of_field[name].items() if factor != 1)],
            json_schema_extra={"enum": [*units_of_field[name], ""]},
        )
        for name in units_of_field
    }
    times = {
        f"time_{name}": Field(
            None,
            alias=f"time[{name}]",
            description=f"Name of the file's column with the time of day of `{name}`, where `mapper[{name}]` names a "
            "column of days. Needs `timezone`.",
        )
        for name in instants
    }
    return {name: (str | None, field) for name, field in {**mapper, **units, **times}.items()}


FileQuery = create_model("FileQuery", __base__=IngestQuery, **_describe_options())
ContentType = Annotated[str, Header(alias="content-type", include_in_schema=False)]
_ENCODINGS = {"enum": ["identity", "gzip", "x-gzip", "zstd"]}
ContentEncoding = Annotated[
    str,
    Header(alias="content-encoding", description="Compression: `gzip` or `zstd`.", json_schema_extra=_ENCODINGS),
]


class NothingAccepted(Impossible):
    """422: every line of a file was rejected.  The problem has the fields of the batch, too."""

    code = "nothing_accepted"

    def __init__(self, batch: Json) -> None:
        first = batch["reasons"][0]
        message = batch["message"] or f"Every line was rejected. Line {first['line']}: {first['reason']}"
        super().__init__(message, extra=batch | {"message": message})


class FileRoute(UploadRoute):
    """A route for large files of events, which are processed while they arrive."""

    def body_limit(self, settings: Settings) -> int:
        """Return the maximum size of a file as it is sent, in bytes."""
        return settings.ingest_limit

    def suggest_parameter(self, path_params: Mapping[str, Any], parameters: Collection[str], name: str) -> str:
        """Suggest a field of the kind of events for `mapper[price]` and the like; else as for other routes."""
        option = re.fullmatch(r"(mapper|unit|time)\[(.*)\]", name)
        if option is None or path_params["kind"] not in KINDS:
            return super().suggest_parameter(path_params, parameters, name)
        fields = [rule.name for rule in get_field_rules(path_params["kind"])]
        names = [field for field in fields if f"{option[1]}[{field}]" in parameters]
        return suggest_field(path_params["kind"], option[2], names, option[1])

    def belongs_elsewhere(self, path_params: Mapping[str, str]) -> bool:
        """Return whether the path names a batch instead of a kind of events."""
        return re.fullmatch("[0-9a-fA-F]{24}", path_params["kind"]) is not None


file_router = APIRouter(route_class=FileRoute, tags=["ingest"])


@router.get("/ingest/schemas", operation_id="list_event_schemas")
async def list_event_schemas() -> Response:
    """Return the JSON Schema of each kind of event."""
    return json_response(json_schemas())


@register_aliased(
    file_router,
    "POST",
    KIND,
    status_code=201,
    response_model=BatchAnswer,
    responses={200: _TRIED, 202: _STORED} | refusals(404, 422),
    openapi_extra=_BODY,
)
async def ingest_events(
    request: Request,
    kind: KindInPath,
    access: CanEdit,
    services: ServicesDep,
    query: Annotated[FileQuery, Query()],
    *,
    content_type: ContentType = "",
    content_encoding: ContentEncoding = "identity",
) -> Response:
    """Ingest a file of events: a JSON array, NDJSON, CSV, Parquet or XLSX.

    Invalid lines are rejected and stored with the batch; the lines of an array are its elements.
    `mapper[field]=column` maps columns with other names; then columns that belong to no field are ignored.
    """
    if kind not in KINDS:
        raise NotFound("kind of events", kind, format_suggestion(kind, KINDS).strip())
    options = query.to_options(parse_charset(content_type))
    options.check(kind)
    body = BodyStream(request)
    encoding, file_format = parse_content_encoding(content_encoding), parse_content_type(content_type)
    source = EventFile(
        aiter(body),
        file_format,
        encoding,
        name=query.name or None,
        options=options,
        limit=services.settings.ingest_limit,
        size=_get_length(request) if encoding is Encoding.IDENTITY and file_format is not Format.XLSX else None,
    )
    if query.dry_run:
        trial = await cancel_on_disconnect(request, services.ingest.try_file(access.application, kind, source), body)
        return json_response(DryRunAnswer.render(trial.as_json()))
    if query.wait and not source.is_small:  # what is loaded is published, although the client may have left
        load = services.ingest.load(access.application, kind, source, atomic=query.atomic)
        batch = await cancel_on_disconnect(request, load, body)
        (batch,) = await services.ingest.publish(access.application, [batch])
    else:
        receive = services.ingest.ingest if query.wait else services.ingest.accept
        batch = await cancel_on_disconnect(
            request, receive(access.application, kind, source, atomic=query.atomic), body
        )
    if batch["rejected"] and not batch["stored"]:
        raise NothingAccepted(BatchAnswer.render(batch))
    return json_response(BatchAnswer.render(batch), 201 if query.wait else 202)


def _get_length(request: Request) -> int | None:
    """Return the size of the body by its header, None for a body that is sent in chunks."""
    length = request.headers.get("content-length", "")
    return int(length) if re.fullmatch("[0-9]{1,18}", length) else None


@register_aliased(router, "GET", BATCHES, response_model=Page[BatchAnswer], responses=refusals(404))
async def list_batches(query: Annotated[PageQuery, Query()], access: CanRead, services: ServicesDep) -> Response:
    """List the batches of an application, page by page."""
    where = equal("application", access.application.id)
    page = await services.ingest.batches.find_page(where, query.paging)
    return answer_page(page, query.paging, BatchAnswer)


@register_aliased(router, "GET", BATCH, response_model=BatchAnswer, responses=refusals(404))
async def get_batch(batch: BatchInPath, access: CanRead, services: ServicesDep) -> Response:
    """Return a batch: its progress, and the first reasons for rejected lines."""
    return json_response(BatchAnswer.render(await services.ingest.batches.get_batch(access.application.id, batch)))


@register_aliased(
    router,
    "GET",
    REJECTED,
    responses={200: {"content": {file_format.value: {} for file_format in Format if file_format is not Format.XLSX}}}
    | refusals(404, 422),
)
async def get_rejected_lines(batch: BatchInPath, access: CanEdit, services: ServicesDep) -> StreamingResponse:
    """Return the rejected lines of a batch (by default the first 10,000) as they were sent, for correction.

    Lines of CSV follow the header of the file, as do rows of XLSX, which are written as CSV. Cells that a spreadsheet
    would run as a formula get an apostrophe in front, which an ingest removes. Rows of Parquet and elements of a JSON
    array are lines of JSON.
    """
    document = await services.ingest.batches.get_batch(access.application.id, batch)
    lines = services.ingest.stream_rejected(document)
    file_format = Format(document["format"])
    media_type = Format.CSV if file_format in (Format.CSV, Format.XLSX) else Format.NDJSON
    first = await anext(lines, None)
    header = document.get("header")
    delimiter = None if header is None else guess_delimiter(header, get_schema(document["kind"]).names)

    def encode(text: str) -> bytes:
        return f"{text if delimiter is None else mark_cells(text, delimiter)}\n".encode()

    async def texts() -> AsyncIterator[bytes]:
        if header is not None:
            yield encode(header)
        if first is not None:
            yield encode(first["text"])
        async for line in lines:
            yield encode(line["text"])

    return StreamingResponse(texts(), media_type=media_type)


@register_aliased(router, "DELETE", BATCH, status_code=204, responses=refusals(404))
async def delete_batch(batch: BatchInPath, access: CanEdit, services: ServicesDep) -> None:
    """Delete a batch: its events, and the facts derived from them."""
    document = await services.ingest.batches.get_batch(access.application.id, batch)
    await services.ingest.remove_batch(access.application, document)


UserInPath = Annotated[str, Path(description="Identifier of a user or device, as in the events.", min_length=1)]


@register_aliased(router, "DELETE", USER, status_code=204, responses=refusals(404))
async def delete_user_data(user: UserInPath, access: CanAdmin, services: ServicesDep) -> None:
    """Delete all data about a user or device; the answer does not reveal whether there was any."""
    await services.ingest.erase_user(access.application, user)


@register_aliased(router, "POST", REBUILD, status_code=204, responses=refusals(404))
async def rebuild_application(access: CanAdmin, services: ServicesDep) -> None:
    """Rebuild the facts and rollups from the events; analytics use the old ones until the new ones are complete."""
    await services.ingest.rebuild(access.application)
