"""Lists as files: all matching resources, streamed."""

from collections.abc import AsyncIterator, Callable

from anyio import to_thread
from starlette.responses import Response, StreamingResponse

from okube_api.api.file_format import ChosenFormat, describe_formats
from okube_api.errors import Impossible
from okube_api.kit.file_options import CsvOptions
from okube_api.kit.schemas import Answer
from okube_api.kit.validated_repository import ValidatedRepository
from okube_api.store.conditions import Between, Condition, Missing, OneOf
from okube_api.store.values import Json
from okube_api.tables.writing import CsvTable

_MAX_NEW_TEXTS = 200  # read by one query
_MAX_SKIPPED_TEXTS = 1000  # of a condition
_MAX_DOCUMENTS = 5000  # read by one query
_MAX_NAMES = 1000
"""The most free-form names of a field that become columns: every line has a cell for each of them."""

Convert = Callable[[Json], Json]

LIST_RESPONSE = describe_formats("A page of the list, or all matches in another format than JSON.")


async def export_list(
    resources: ValidatedRepository,
    where: Condition,
    answer: type[Answer],
    *,
    chosen: ChosenFormat,
    query: CsvOptions,
    convert: Convert | None = None,
) -> Response:
    """Return all matching documents as a file, read and sent block by block.

    query: says how CSV is written.
    convert: computes the answered document from the stored one, where they differ.
    """
    names = {
        field: await _collect_names(resources, where, field, names_field)
        for field, names_field in resources.name_fields.items()
    }
    table = CsvTable(answer, names, query.csv_format)

    async def lines() -> AsyncIterator[bytes]:
        yield table.format_header()
        async for block in resources.store.stream(resources.collection, where):
            yield await to_thread.run_sync(table.format_lines, block if convert is None else map(convert, block))

    headers = chosen.build_headers(resources.collection.name, query.encoding)
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
