"""Routes of files that are looked at before they are sent."""

from functools import partial
from tempfile import TemporaryFile
from typing import Annotated, Any, BinaryIO, Literal

from anyio import to_thread
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, create_model
from starlette.requests import Request
from starlette.responses import Response

from okube_api.api.access import CanEdit
from okube_api.api.aliases import register_aliased, under_applications
from okube_api.api.container import ServicesDep
from okube_api.api.file_preview import PreviewAnswer, describe_kinds, load_known_names, preview_file
from okube_api.api.openapi import refusals
from okube_api.api.route import UploadRoute
from okube_api.api.routes import campaigns, pois, site_tables, studies
from okube_api.api.routes.events import ContentEncoding
from okube_api.api.workbook_threads import run_in_workbook_thread
from okube_api.http.client_disconnect import BodyStream, cancel_on_disconnect
from okube_api.http.pagination import json_response
from okube_api.ingest.parse.codecs import Format, create_decoder, parse_content_encoding
from okube_api.kit.encodings import find_codec
from okube_api.kit.switches import Switch
from okube_api.store.values import Json


class PreviewRoute(UploadRoute):
    """A route that reads a file and writes nothing."""

    def accepts_idempotency_key(self) -> bool:
        """Return false: there is nothing to repeat."""
        return False


router = APIRouter(route_class=PreviewRoute, tags=["ingest"])

PREVIEW = under_applications("/files/preview")
_TABLES = {
    "sites": site_tables.TABLE,
    "pois": pois.TABLE,
    "campaigns": campaigns.TABLE,
    "studies": studies.TABLE,
}
_KINDS = describe_kinds(_TABLES)
_BODY: Json = {
    "requestBody": {
        "required": True,
        "content": {file_format.value: {"schema": {"type": "string", "format": "binary"}} for file_format in Format},
    }
}


class PreviewQuery(BaseModel):
    """What the sender knows about a file; the rest is guessed."""

    model_config = ConfigDict(extra="ignore")  # the route refuses unknown parameters

    kind: str | None = Field(
        None,
        description="Kind of the file; if absent, the most likely one.",
        json_schema_extra={"enum": [*_KINDS, ""]},
    )
    partial: Switch = Field(False, description="Whether the body is only the beginning of a text file.")
    encoding: str | None = Field(None, description="Encoding of the text, such as `windows-1252`.")
    delimiter: str | None = Field(None, description="Delimiter of CSV.")
    dates: Literal["dmy", "mdy", ""] | None = Field(None, description="Order of day and month.")
    timezone: str | None = Field(None, description="IANA time zone of instants without an offset, or `site`.")
    sheet: str | None = Field(None, description="Name of the sheet of a workbook; if absent, the first with data.")


_FIELDS = dict.fromkeys(field.name for kind in _KINDS.values() for field in kind.fields)
_MAPPER: dict[str, Any] = {
    f"mapper_{index}": (
        str | None,
        Field(None, alias=f"mapper[{name}]", description=f"Column with `{name}`; empty if the file has none."),
    )
    for index, name in enumerate(_FIELDS)
}
MappedPreviewQuery = create_model("MappedPreviewQuery", __base__=PreviewQuery, **_MAPPER)


@register_aliased(
    router, "POST", PREVIEW, response_model=PreviewAnswer, responses=refusals(404, 422), openapi_extra=_BODY
)
async def preview(
    request: Request,
    access: CanEdit,
    services: ServicesDep,
    query: Annotated[MappedPreviewQuery, Query()],
    *,
    content_encoding: ContentEncoding = "identity",
) -> Response:
    """Read the first rows of a file, and guess its kind, how it is written, and which column is which field.

    The first bytes of the file tell its format. Send Parquet and XLSX completely; of CSV and JSON, the first 256 KB
    with `partial=true` are enough. Nothing is stored.
    """
    if query.encoding:
        find_codec(query.encoding)
    body = BodyStream(request)
    with TemporaryFile(prefix="okube-") as file:
        copy = _copy_body(body, file, content_encoding, services.settings.upload_limit, is_partial=query.partial)
        await cancel_on_disconnect(request, copy, body)
        known_names = await load_known_names(services, access.application)
        fields = query.model_dump(by_alias=True)
        work = partial(
            preview_file,
            file,
            _KINDS,
            known_names,
            access.application,
            kind=query.kind or None,
            encoding=query.encoding or None,
            delimiter=query.delimiter or None,
            sheet=query.sheet or None,
            dates=query.dates or None,
            timezone=query.timezone or None,
            mapper={name: fields[f"mapper[{name}]"] for name in _FIELDS if fields[f"mapper[{name}]"] is not None},
            is_partial=query.partial,
        )
        return json_response(await run_in_workbook_thread(work))


async def _copy_body(body: BodyStream, file: BinaryIO, content_encoding: str, limit: int, *, is_partial: bool) -> None:
    """Write a body to a file, decompressed, and go to its start.  Raise BadRequest and TooLarge."""
    decoder = create_decoder(parse_content_encoding(content_encoding), limit)

    def write(data: bytes) -> None:
        for piece in decoder.feed(data):
            file.write(piece)

    async for chunk in body:
        await to_thread.run_sync(write, chunk)
    if not is_partial:
        decoder.end()
    file.seek(0)
