"""Lists as CSV: all matching resources, streamed, for requests that prefer CSV in `Accept`."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Annotated

from anyio import to_thread
from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from okube_api.kit.encodings import CODECS, Encoding
from okube_api.kit.schemas import Answer
from okube_api.kit.validated_repository import ValidatedRepository
from okube_api.store.conditions import Condition, Missing, OneOf
from okube_api.store.values import Json
from okube_api.tables.writing import CsvTable

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
    encoding: Encoding,
    convert: Convert | None = None,
) -> Response:
    """Return all matching documents as CSV, read and sent block by block.

    convert: computes the answered document from the stored one, where they differ.
    """
    names = {
        field: await _collect_names(resources, where, names_field)
        for field, names_field in resources.name_fields.items()
    }
    table = CsvTable(answer, names, CODECS[encoding])

    async def lines() -> AsyncIterator[bytes]:
        yield table.format_header()
        async for block in resources.store.stream(resources.collection, where):
            yield await to_thread.run_sync(table.format_lines, block if convert is None else map(convert, block))

    headers = {
        "Content-Type": f"{media}; charset={_CHARSETS[encoding]}",
        "Content-Disposition": f'attachment; filename="{resources.collection.name}.csv"',
        "Vary": "Accept",
    }
    return StreamingResponse(lines(), headers=headers)


async def _collect_names(resources: ValidatedRepository, where: Condition, names_field: str) -> list[str]:
    """Return the names that occur in an object with free-form names, over all matching documents.

    Each document stores these names as one text in the field `names_field`.  There are few different texts, so each
    query skips the documents whose text was read before.
    """
    texts: set[str] = set()
    while True:
        with_new_text = where & ~Missing(names_field) & ~OneOf(names_field, tuple(texts))
        documents = await resources.store.find(resources.collection, with_new_text, limit=_MAX_NEW_TEXTS)
        new_texts = {document[names_field] for document in documents}
        if not new_texts:
            return sorted({name for text in texts for name in text.split("\n")})
        texts |= new_texts
