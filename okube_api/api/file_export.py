"""Lists as files: all matching resources, streamed."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from io import SEEK_END
from tempfile import TemporaryFile
from typing import IO, BinaryIO

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from okube_api.api.file_format import PLACE_FORMATS, ChosenFormat, describe_formats
from okube_api.api.file_response import TemporaryFileResponse
from okube_api.errors import Impossible
from okube_api.http.client_disconnect import cancel_on_disconnect
from okube_api.kit.file_options import CsvFormat, CsvOptions, FileFormat
from okube_api.kit.repository import Repository
from okube_api.kit.schemas import Answer
from okube_api.store.conditions import Between, Condition, Missing, OneOf
from okube_api.store.values import Json
from okube_api.tables import geojson
from okube_api.tables.file_columns import DocumentTable
from okube_api.tables.geojson import FeatureTable
from okube_api.tables.typed_file import TYPED_FORMATS, TypedFile, open_typed_file, refuse_full_disk
from okube_api.tables.writing import CsvTable

_MAX_NEW_TEXTS = 200  # read by one query
_MAX_SKIPPED_TEXTS = 1000  # of a condition
_MAX_DOCUMENTS = 5000  # read by one query
_MAX_NAMES = 1000
"""The most free-form names of a field that become columns: every line has a cell for each of them."""

_PAGE = "A page of the list, or all matches in another format than JSON."
LIST_RESPONSE = describe_formats(_PAGE)
PLACES_RESPONSE = describe_formats(_PAGE, PLACE_FORMATS)

Convert = Callable[[Json], Json]
Blocks = AsyncIterator[Iterable[Json]]


@dataclass(frozen=True, slots=True)
class ListFile:
    """A list to export.

    name: of the file, without the extension.
    answer: the model whose fields become columns.
    free_names: by each field that holds an object of free-form names, the names that become columns.
    blocks: all documents.
    """

    name: str
    answer: type[Answer]
    free_names: Mapping[str, Sequence[str]]
    blocks: Blocks


async def open_list(
    resources: Repository, where: Condition, answer: type[Answer], convert: Convert | None = None
) -> ListFile:
    """Return the matching documents as a list to export.

    convert: computes the answered document from the stored one, where they differ.
    """
    names = {
        field: await _collect_names(resources, where, field, names_field)
        for field, names_field in resources.name_fields.items()
    }

    async def read_blocks() -> Blocks:
        async for block in resources.store.stream(resources.collection, where):
            yield block if convert is None else map(convert, block)

    return ListFile(resources.collection.name, answer, names, read_blocks())


async def yield_block(documents: Iterable[Json]) -> Blocks:
    """Yield documents that are in memory as one block."""
    yield documents


async def export_list(request: Request, list_file: ListFile, chosen: ChosenFormat, query: CsvOptions) -> Response:
    """Return all documents of a list as a file, read block by block.

    CSV and GeoJSON are sent while they are read; XLSX and Parquet are written to a temporary file first.
    query: says how CSV is written.
    """
    headers = chosen.build_headers(list_file.name, query.encoding)
    if chosen.file_format not in TYPED_FORMATS:
        format_blocks = _format_features if chosen.file_format is FileFormat.GEOJSON else _format_csv
        return StreamingResponse(format_blocks(list_file, query.csv_format), headers=headers)
    file = await cancel_on_disconnect(request, _write_typed_file(list_file, chosen.file_format))
    size = file.seek(0, SEEK_END)
    file.seek(0)
    return TemporaryFileResponse(file, size, headers=headers)


async def _format_csv(list_file: ListFile, csv_format: CsvFormat) -> AsyncIterator[bytes]:
    table = CsvTable(list_file.answer, list_file.free_names, csv_format)
    yield table.format_header()
    async for block in list_file.blocks:
        yield await to_thread.run_sync(table.format_lines, block)


async def _format_features(list_file: ListFile, _csv_format: CsvFormat) -> AsyncIterator[bytes]:
    table = FeatureTable(list_file.answer, list_file.free_names)
    yield geojson.HEAD
    separator = b""
    async for block in list_file.blocks:
        if features := await to_thread.run_sync(table.format_features, block):
            yield separator + features
            separator = b","
    yield geojson.TAIL


async def _write_typed_file(list_file: ListFile, file_format: FileFormat) -> IO[bytes]:
    """Return a temporary file with the documents.

    Raise Impossible for too many rows, and InsufficientStorage when the disk is full.
    """
    table = DocumentTable(list_file.answer, list_file.free_names)
    file: BinaryIO = TemporaryFile()  # noqa: SIM115 - closed when it is sent
    run = partial(to_thread.run_sync, limiter=_get_limiter())
    try:
        with (
            refuse_full_disk(),
            closing(await run(open_typed_file, file_format, file, table.columns, list_file.name)) as typed_file,
        ):
            async for block in list_file.blocks:
                await run(_write_block, typed_file, table, block)
            await run(typed_file.finish)
    except BaseException:
        file.close()
        raise
    return file


def _write_block(typed_file: TypedFile, table: DocumentTable, block: Iterable[Json]) -> None:
    typed_file.write(table.read_rows(block))


def _get_limiter() -> CapacityLimiter:
    """Return the limiter of blocks: one at a time is written, since each takes the interpreter for itself."""
    try:
        return _limiter.get()
    except LookupError:
        _limiter.set(limiter := CapacityLimiter(1))
        return limiter


_limiter = RunVar[CapacityLimiter]("export_limiter")


async def _collect_names(resources: Repository, where: Condition, field: str, names_field: str) -> list[str]:
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
                "which are too many columns for a table. Ask for JSON, which has no limit, or filter the list."
            )
