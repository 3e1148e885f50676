"""Imports of tables: CSV and XLSX files that create and update resources."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial as partial_function
from io import TextIOWrapper
from tempfile import SpooledTemporaryFile
from typing import Annotated, BinaryIO, cast

from anyio import to_thread
from fastapi import Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from okube_api.api.access import Creator
from okube_api.api.multipart import describe_multipart, read_parts
from okube_api.api.table_form import TableFields, TableForm
from okube_api.api.workbook_threads import run_in_workbook_thread
from okube_api.errors import BadRequest
from okube_api.http.client_disconnect import cancel_on_disconnect
from okube_api.http.pagination import json_response
from okube_api.kit.bulk_upsert import BulkUpsert
from okube_api.kit.cells import CellFormat
from okube_api.kit.dry_run import DryRunAnswer
from okube_api.kit.schemas import Answer, Body
from okube_api.kit.switches import Switch
from okube_api.kit.validated_repository import ValidatedRepository
from okube_api.store.values import Json
from okube_api.tables.columns import list_columns
from okube_api.tables.importing import TableImport
from okube_api.tables.parsing import RowParser, list_day_fields
from okube_api.tables.reading import UploadedTable
from okube_api.tables.spoiled_keys import refuse_spoiled_keys
from okube_api.tables.workbook import OLD_MARK, ZIP_MARK, Sheet, open_sheet

FILE = "file"
SHEET_DELIMITER = ","
"""Of sheets as CSV: with it, `1,234` is no number, which in a workbook may mean 1234 as well."""
_SPOOLED_BYTES = 2**20

Partial = Annotated[Switch, Query(description="Import the valid rows, and report the faults of the others.")]


DryRun = Annotated[
    Switch,
    Query(
        alias="dryRun",
        description="Check the rows and write nothing. The answer has the values of the first rows as the server reads "
        "them, and why rows would not be imported.",
    ),
]


class RowError(Answer):
    """A fault of one row."""

    where: str = Field(alias="in", examples=["body"])
    pointer: str = Field(examples=["/file"])
    code: str = Field(examples=["invalid"])
    message: str = Field(examples=["Input should be a valid number."])
    line: int = Field(description="Line on which the row starts; the header is line 1.")
    column: str | None = Field(description="Name of the column; null if the fault concerns the whole line.")


class ImportAnswer(Answer):
    """Result of an import, in rows."""

    created: int
    updated: int
    unchanged: int
    failed: int = Field(
        description="Rows that were not imported. Without `?partial=true`, one such row refuses the table."
    )
    errors: list[RowError] = Field(description="The first 100 faults.")


@dataclass(frozen=True, slots=True)
class TableSpec:
    """Specification of the tables of one kind of resource.

    model: body whose fields are the columns.
    answer: model of the answers; columns of an export that only it has are ignored.
    required: fields that a new resource must have; of several in a tuple it must have one.
    fields: form fields that accompany the file.
    list_field: the list of objects whose only object rows may have in columns of their own; rows of the same resource
        are united.
    item_defaults: see `RowParser`.
    """

    model: type[Body]
    answer: type[Answer]
    required: tuple[str | tuple[str, ...], ...]
    fields: TableFields
    list_field: str | None = None
    item_defaults: Mapping[str, Json] = field(default_factory=dict)

    @property
    def openapi_body(self) -> Json:
        """Body of an upload, for the OpenAPI document."""
        return describe_multipart(self.fields.form, {FILE: True})

    def open_upload(self, file: BinaryIO, form: TableForm, converted: BinaryIO) -> UploadedTable:
        """Return an upload with its header read.  Raise Impossible and TooLarge.

        converted: an empty file, to which the sheet of a workbook is written as CSV.
        """
        named = set((self.fields.map_columns(form) or {}).values())
        expected = named or set(list_columns(self.model).readable_names)
        start = file.read(len(ZIP_MARK))
        file.seek(0)
        if start not in (ZIP_MARK, OLD_MARK):
            return UploadedTable(file, form.encoding, form.delimiter, expected, named)
        write_sheet(open_sheet(file, form.sheet), converted)
        return UploadedTable(converted, "utf8", SHEET_DELIMITER, expected, named)

    def build_parser(self, upload: UploadedTable, form: TableForm) -> RowParser:
        """Return the parser of an upload's rows, which ignores columns of an export that cannot be set.

        Raise Impossible when the columns are wrong.
        """
        renamed = self.fields.map_columns(form)
        ignored = {column.name for column in list_columns(self.answer).fixed}
        names = renamed or {}
        date_order = form.dates or upload.find_date_order(
            {names.get(name, name) for name in list_day_fields(self.model)}
        )
        cell_format = CellFormat(decimal_comma=upload.delimiter != ",", date_order=date_order)
        return RowParser(
            self.model,
            upload.columns,
            renamed=renamed,
            ignored=ignored,
            cell_format=cell_format,
            timezone=form.timezone,
            factors=self.fields.find_factors(form),
            item_defaults=self.item_defaults,
        )


def write_sheet(sheet: Sheet, file: BinaryIO) -> None:
    """Write the rows of a sheet to a file as CSV, one line each, and go to its start."""
    text = TextIOWrapper(file, "utf-8", "replace", newline="")
    csv.writer(text, delimiter=SHEET_DELIMITER, lineterminator="\n").writerows(
        row if any(row) else [] for row in sheet.rows
    )
    text.detach()
    file.seek(0)


def _is_optional(name: str) -> bool:
    """Return whether an empty form field of this name means that it is absent: clients send all fields of a form."""
    return name in TableForm.model_fields or name.startswith(("mapper[", "unit["))


async def import_table(
    request: Request,
    creator: Creator,
    resources: ValidatedRepository,
    table: TableSpec,
    *,
    partial: bool,
    dry_run: bool,
) -> Response:
    """Import an upload, which creates and updates resources by `_id` and key, and return the answer with its result.

    partial: import the valid rows even if others are not.
    dry_run: check the rows, and write nothing.
    Raise BadRequest, TooLarge, Impossible, ClientDisconnected, and what `creator` raises.
    """
    parts = await read_parts(request, (FILE,), creator.services.settings.upload_limit)
    parts.fields[:] = [(name, text) for name, text in parts.fields if text or not _is_optional(name)]
    with SpooledTemporaryFile(_SPOOLED_BYTES, prefix="okube-") as converted:
        try:
            form = await parts.validate(request, table.fields.form)
            if FILE not in parts.files:
                raise BadRequest.with_code("body", f"/{FILE}", "missing", f"'{FILE}' is required.")
            application = (await creator.load_access(form.app)).application
            open_upload = partial_function(table.open_upload, parts.files[FILE].file, form, cast("BinaryIO", converted))
            upload = await run_in_workbook_thread(open_upload)
            bulk = BulkUpsert(
                resources, application, table.required, position_name="line", check_update=refuse_spoiled_keys
            )
            row_parser = await to_thread.run_sync(table.build_parser, upload, form)
            with TableImport(upload, row_parser, bulk, list_field=table.list_field) as table_import:
                if dry_run:
                    trial = await cancel_on_disconnect(request, table_import.try_rows())
                    return json_response(DryRunAnswer.render(table.fields.rename_values(trial)))
                # A client that leaves ends the import before anything is stored.  Once it is being stored it is
                # completed, and so is its answer, which a repetition with the same `Idempotency-Key` gets.
                await cancel_on_disconnect(request, table_import.prepare(partial=partial))
                report = await table_import.write()
        finally:
            await parts.close()
    return json_response(report.as_json())
