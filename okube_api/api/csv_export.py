"""Lists as CSV: every match, streamed, for callers who ask for it by `Accept`."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Annotated

from anyio import to_thread
from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from okube_api.kit.encodings import CODECS, Encoding
from okube_api.kit.schemas import Answer
from okube_api.kit.validated_repository import Making
from okube_api.store.base import Condition, Json, Missing, OneOf
from okube_api.tables.writing import Table

MEDIA = (
    "text/csv",
    "text/comma-separated-values",
    "application/csv",
    "application/excel",
    "application/vnd.ms-excel",
    "application/vnd.msexcel",
)
_JSON = ("application/json", "application/*", "*/*")
_CHARSETS = {"utf8": "utf-8", "iso-8859-1": "iso-8859-1", "windows-1252": "windows-1252"}
_SHAPES = 200  # looked at together

Shown = Callable[[Json], Json]

CSV_ANSWER: Mapping[str, object] = {
    "description": "A page; or every match as CSV, where `Accept` asks for it.",
    "content": {kind: {"schema": {"type": "string"}} for kind in MEDIA},
}


async def csv_wanted(request: Request) -> str | None:
    """The media type of CSV that the caller prefers to JSON; None when it is JSON."""
    best, best_weight = None, 0.0
    for part in request.headers.get("accept", "").split(","):
        kind, _, parameters = part.partition(";")
        kind, weight = kind.strip().lower(), _weight(parameters)
        if kind in (*MEDIA, *_JSON) and weight > best_weight:
            best, best_weight = kind, weight
    return best if best in MEDIA else None


CsvWanted = Annotated[str | None, Depends(csv_wanted)]


def _weight(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


async def exported(
    resources: Making,
    where: Condition,
    answer: type[Answer],
    *,
    media: str,
    encoding: Encoding,
    shown: Shown | None = None,
) -> Response:
    """Every matching document as CSV, whatever their number: blocks of them pass through memory.

    shown: what makes of a document what is answered of it, where that is more than its fields.
    """
    names = {field: await _open_names(resources, where, shape) for field, shape in resources.shapes.items()}
    table = Table(answer, names, CODECS[encoding])

    async def lines() -> AsyncIterator[bytes]:
        yield table.header()
        async for block in resources.store.stream(resources.collection, where):
            yield await to_thread.run_sync(table.lines, block if shown is None else map(shown, block))

    headers = {
        "Content-Type": f"{media}; charset={_CHARSETS[encoding]}",
        "Content-Disposition": f'attachment; filename="{resources.collection.name}.csv"',
        "Vary": "Accept",
    }
    return StreamingResponse(lines(), headers=headers)


async def _open_names(resources: Making, where: Condition, shape: str) -> list[str]:
    """The names that occur in an object of the caller's own making, over all matches.

    Documents hold these names as one text, and few texts occur: each look finds documents with others than the last.
    """
    known: set[str] = set()
    while True:
        others = where & ~Missing(shape) & ~OneOf(shape, tuple(known))
        found = {one[shape] for one in await resources.store.find(resources.collection, others, limit=_SHAPES)}
        if not found:
            return sorted({name for one in known for name in one.split("\n")})
        known |= found
