"""Uploads of whole tables, as routes take them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from anyio import to_thread
from fastapi import Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from okube_api.api.access import Creator
from okube_api.api.multipart import multipart_body, read_parts
from okube_api.errors import BadRequest
from okube_api.http.pagination import as_json
from okube_api.kit.bulk_upsert import Bulk
from okube_api.kit.encodings import Encoding
from okube_api.kit.list_query import Switch
from okube_api.kit.schemas import UNSET, Answer, Body
from okube_api.kit.validated_repository import Making
from okube_api.store.base import Json
from okube_api.tables.columns import columns_of
from okube_api.tables.importing import Import
from okube_api.tables.parsing import Rows
from okube_api.tables.reading import Upload

FILE = "file"

Partial = Annotated[Switch, Query(description="Import the good rows, and say what is wrong with the others.")]


class TableForm(Body):
    """The fields beside an uploaded table."""

    app: Annotated[str, Field(min_length=1)] = Field(UNSET, description="The application; not when the path names it.")
    encoding: Encoding = "utf8"
    delimiter: Annotated[str, Field(pattern=r'^[^"\r\n]$')] = Field(
        UNSET, description="One character; guessed from the header when absent."
    )


class RowError(Answer):
    """What is wrong with one row."""

    where: str = Field(alias="in", examples=["body"])
    pointer: str = Field(examples=["/file"])
    code: str = Field(examples=["invalid"])
    message: str = Field(examples=["Input should be a valid number."])
    line: int = Field(description="Where the row starts; the header is line 1.")
    column: str | None = Field(description="Null where the whole line is meant.")


class ImportAnswer(Answer):
    """What came of a table, in rows."""

    created: int
    updated: int
    unchanged: int
    failed: int = Field(description="Rows that were left out; only with `?partial=true`, else one refuses the table.")
    errors: list[RowError] = Field(description="The first hundred things that are wrong.")


@dataclass(frozen=True, slots=True)
class TableOf:
    """What tables of one kind of resource are: their fields, those that a new one must have, and its answers.

    form: the fields beside the file.  renamed: from them, the file's columns by ours; None where they go by our names.
    """

    model: type[Body]
    answer: type[Answer]
    required: tuple[str, ...]
    form: type[TableForm] = TableForm
    renamed: Callable[[Any], Mapping[str, str] | None] = lambda _: None

    @property
    def documented(self) -> Json:
        """The body of an upload, for the OpenAPI document."""
        return multipart_body(self.form, {FILE: True})

    def rows(self, upload: Upload, renamed: Mapping[str, str] | None) -> Rows:
        """What reads the rows of an upload.  Columns of exports that nobody can set are ignored.  Raises Impossible."""
        ignored = {one.name for one in columns_of(self.answer).fixed}
        commas = upload.delimiter != ","
        return Rows(self.model, upload.columns, renamed=renamed, ignored=ignored, decimal_comma=commas)


async def take_table(
    request: Request, creator: Creator, resources: Making, table: TableOf, *, partial: bool
) -> Response:
    """Imports an upload, creating and updating by `_id` and key, and answers what came of it.

    Raises BadRequest, TooLarge, Impossible, and what `creator` raises.
    """
    parts = await read_parts(request, (FILE,), creator.shared.settings.upload_limit)
    try:
        form = parts.body(table.form)
        if FILE not in parts.files:
            raise BadRequest.because("body", f"/{FILE}", "missing", f"'{FILE}' is required.")
        application = (await creator.caller(form.app)).application
        renamed = table.renamed(form)
        expected = set(renamed.values()) if renamed else {one.name for one in columns_of(table.model).fixed}
        file = parts.files[FILE].file
        upload = await to_thread.run_sync(Upload, file, form.encoding, form.delimiter, expected)
        bulk = Bulk(resources, application, table.required)
        report = await Import(upload, table.rows(upload, renamed), bulk).run(partial=partial)
    finally:
        await parts.close()
    return as_json(report.as_json())
