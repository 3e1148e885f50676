"""Lists as CSV: all matching resources, streamed, for requests that prefer CSV in `Accept`."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Annotated

from anyio import to_thread
from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from okube_api.errors import Impossible
from okube_api.kit.list_query import ListQuery
from okube_api.kit.schemas import Answer
from okube_api.kit.validated_repository import ValidatedRepository
from okube_api.store.conditions import Between, Condition, Missing, OneOf
from okube_api.store.values import Json
from okube_api.tables.writing import CsvFormat, CsvTable

CSV_MEDIA_TYPES = (
    "text/csv",
    "text/comma-separated-values",
    "application/csv",
    "application/excel",
    "application/vnd.ms-excel",
    "application/vnd.msexcel",
)
_JSON_MEDIA_TYPES = ("application/json", "application/*", "*/*")
_CHARSETS = {"utf8": "utf-8", "iso-8859-1": "iso-8859-1", "windows-1252": "windows-1252"}
_MAX_NEW_TEXTS = 200  # read by one query
_MAX_SKIPPED_TEXTS = 1000  # of a condition
_MAX_DOCUMENTS = 5000  # read by one query
_MAX_NAMES = 1000
"""The most free-form names of a field that become columns: every line has a cell for each of them."""

Convert = Callable[[Json], Json]

CSV_RESPONSE: Mapping[str, object] = {
    "description": "A page of the list, or all matches as CSV if `Accept` prefers CSV.",
    "content": {kind: {"schema": {"type": "string"}} for kind in CSV_MEDIA_TYPES},
}


async def negotiate_csv(request: Request) -> str | None:
    """Return the CSV media type that `Accept` prefers to JSON; None when it prefers JSON."""
    best, best_quality = None, 0.0
    for part in request.headers.get("accept", "").split(","):
        kind, _, parameters = part.partition(";")
        kind, quality = kind.strip().lower(), _quality(parameters)
        if kind in (*CSV_MEDIA_TYPES, *_JSON_MEDIA_TYPES) and quality > best_quality:
            best, best_quality = kind, quality
    return best if best in CSV_MEDIA_TYPES else None


CsvMediaType = Annotated[str | None, Depends(negotiate_csv)]


def _quality(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


async def export_csv(
    resources: ValidatedRepository,
    where: Condition,
    answer: type[Answer],
    *,
    media: str,
    query: ListQuery,
    convert: Convert | None = None,
) -> Response:
    """Return all matching documents as CSV, read and sent block by block.

    query: says how the CSV is written.
    convert: computes the answered document from the stored one, where they differ.
    """
    names = {
        field: await _collect_names(resources, where, field, names_field)
        for field, names_field in resources.name_fields.items()
    }
    csv_format = CsvFormat(query.encoding, query.delimiter, query.decimal == ",", query.bom)
    table = CsvTable(answer, names, csv_format)

    async def lines() -> AsyncIterator[bytes]:
        yield table.format_header()
        async for block in resources.store.stream(resources.collection, where):
            yield await to_thread.run_sync(table.format_lines, block if convert is None else map(convert, block))

    headers = {
        "Content-Type": f"{media}; charset={_CHARSETS[query.encoding]}",
        "Content-Disposition": f'attachment; filename="{resources.collection.name}.csv"',
        "Vary": "Accept",
    }
    return StreamingResponse(lines(), headers=headers)


async def _collect_names(resources: ValidatedRepository, where: Condition, field: str, names_field: str) -> list[str]:
    """Return the names that occur in a field with an object of free-form names, over all matching documents.

    Each document stores these names as one text in the field `names_field`.  There are few different texts, so each
    query skips the documents whose text was read before; beyond 1,000 texts, the documents are read in order instead.
    Raise Impossible for more than 1,000 names.
    """
    names: set[str] = set()
    texts: set[str] = set()
    last_id = ""
    while True:
        if len(texts) <= _MAX_SKIPPED_TEXTS:
            unread, limit = ~OneOf(names_field, tuple(texts)), _MAX_NEW_TEXTS
        else:
            unread, limit = ~OneOf("_id", (last_id,)) & Between("_id", last_id, None), _MAX_DOCUMENTS
        documents = await resources.store.find(
            resources.collection, where & ~Missing(names_field) & unread, limit=limit, fields=(names_field,)
        )
        if not documents:
            return sorted(names)
        if len(texts) > _MAX_SKIPPED_TEXTS:
            last_id = documents[-1]["_id"]
        new_texts = {document[names_field] for document in documents}
        texts |= new_texts
        names.update(name for text in new_texts for name in text.split("\n"))
        if len(names) > _MAX_NAMES:
            raise Impossible(
                f"The {resources.collection.name} have more than {_MAX_NAMES:,} different names in '{field}', "
                "which are too many columns for CSV. Ask for JSON, which has no limit, or filter the list."
            )
