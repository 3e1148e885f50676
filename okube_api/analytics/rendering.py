"""From the results of the engine to the bytes of an answer, part by part."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from tempfile import TemporaryFile
from typing import IO

import orjson

from okube_api.analytics.answer import build_elements
from okube_api.analytics.answer_block import AnswerBlock
from okube_api.analytics.answered_question import AnsweredQuestion, order_results
from okube_api.analytics.file_table import write_table
from okube_api.analytics.table import Layout, TableLines, flatten_comparison, flatten_elements, format_csv, read_table
from okube_api.catalogue.kpi import Module
from okube_api.kit.file_options import DEFAULT_CSV_FORMAT, CsvFormat, FileFormat
from okube_api.store.values import Json
from okube_api.tables.typed_file import TYPED_FORMATS, refuse_full_disk
from okube_api.threads import check_stopped

MOST_BYTES_IN_MEMORY = 4 * 2**20
_PART_BYTES = 2**18
AreaNames = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AnswerFormat:
    """The format of an answer, and how a table is written."""

    file_format: FileFormat = FileFormat.JSON
    layout: Layout = Layout.WIDE
    csv_format: CsvFormat = DEFAULT_CSV_FORMAT

    @property
    def is_table(self) -> bool:
        """Whether the answer is a table."""
        return self.file_format is not FileFormat.JSON

    @property
    def is_typed(self) -> bool:
        """Whether the answer is a file with typed columns."""
        return self.file_format in TYPED_FORMATS


JSON_ANSWER = AnswerFormat()


class AnswerSpool:
    """The bytes of an answer: in memory while they are few, else in a temporary file.

    An answer is complete, and its tag and length are known, before its first byte is sent.
    """

    def __init__(self) -> None:
        self._digest = hashlib.blake2b(digest_size=12)
        self._parts: list[bytes] = []
        self._file: IO[bytes] | None = None
        self._size = 0

    def write(self, part: bytes) -> None:
        """Append bytes."""
        check_stopped()
        self._digest.update(part)
        self._size += len(part)
        if self._file is not None:
            self._file.write(part)
            return
        self._parts.append(part)
        if self._size > MOST_BYTES_IN_MEMORY:
            self._file = TemporaryFile()  # noqa: SIM115 - closed when the answer is sent, or by the garbage collector
            self._file.writelines(self._parts)
            self._parts.clear()

    def close(self) -> None:
        """Delete what was written."""
        self._parts.clear()
        if self._file is not None:
            self._file.close()

    def finish(self) -> "RenderedContent":
        """Return what was written."""
        if self._file is not None:
            self._file.seek(0)
        return RenderedContent(b"".join(self._parts), self._file, self._size, f'"{self._digest.hexdigest()}"')


@dataclass(frozen=True, slots=True)
class RenderedContent:
    """The bytes of an answer: `content`, or a file that is read once when they are many; their number and tag."""

    content: bytes
    file: IO[bytes] | None
    size: int
    etag: str


def render_json(
    answered: Sequence[AnsweredQuestion], areas: AreaNames, envelope: Json | None = None
) -> RenderedContent:
    """Return the answer as JSON: the results, or an object with `results` and the fields of the envelope."""
    return _write_parts(_format_json(answered, areas, envelope))


def render_table(
    answered: Sequence[AnsweredQuestion], areas: AreaNames, answer_format: AnswerFormat, module: Module
) -> RenderedContent:
    """Return the answer as a table.  Leaves are built twice if they are many: the columns depend on all of them."""
    layout = answer_format.layout

    def list_blocks() -> Iterator[TableLines]:
        for each, indexes in order_results(answered):
            kpi_results = [each.answer.kpi_results[index] for index in indexes]
            elements = build_elements(each.question, kpi_results)
            if not each.comparisons:
                yield from flatten_elements(each.question, elements, areas, layout)
                continue
            for index, element in zip(indexes, elements, strict=True):
                for comparison in each.compare(index):
                    yield from flatten_comparison(each.question, element.head, comparison, areas, layout)

    if not answer_format.is_typed:
        return _write_parts(format_csv(list_blocks, answer_format.csv_format))
    with refuse_full_disk(), TemporaryFile() as file:
        table = read_table(list_blocks, with_types=True)
        write_table(table, answer_format.file_format, module, file)
        file.seek(0)
        return _write_parts(iter(partial(file.read, _PART_BYTES), b""))


def _write_parts(parts: Iterator[bytes]) -> RenderedContent:
    """Return the parts as one content.  Raise InsufficientStorage when the disk is full."""
    spool = AnswerSpool()
    try:
        with refuse_full_disk():
            for part in parts:
                spool.write(part)
            return spool.finish()
    except BaseException:
        spool.close()
        raise


def _format_json(answered: Sequence[AnsweredQuestion], areas: AreaNames, envelope: Json | None) -> Iterator[bytes]:
    yield b"[" if envelope is None else b'{"results":['
    is_first = True
    for each, indexes in order_results(answered):
        kpi_results = [each.answer.kpi_results[index] for index in indexes]
        for index, element in zip(indexes, build_elements(each.question, kpi_results, areas), strict=True):
            yield (b"" if is_first else b",") + orjson.dumps(element.head)[:-1] + b',"data":{'
            is_first = False
            yield from _format_blocks(element.blocks)
            yield b"}"
            if each.comparisons:
                yield b',"comparisons":['
                for number, comparison in enumerate(each.compare(index)):
                    yield (b"," if number else b"") + orjson.dumps(comparison.requested.describe())[:-1]
                    for name, kpi_result in (("data", comparison.data), ("change", comparison.change)):
                        (part,) = build_elements(each.question, [kpi_result], areas)
                        yield b',"%b":{' % name.encode()
                        yield from _format_blocks(part.blocks)
                        yield b"}"
                        if name == "data" and "outer" in part.head:
                            yield b',"outer":' + orjson.dumps(part.head["outer"])
                    yield b"}"
                yield b"]"
            yield b"}"
    yield b"]" if envelope is None else b"]," + orjson.dumps(envelope)[1:]


def _format_blocks(blocks: Iterator[AnswerBlock]) -> Iterator[bytes]:
    separator = b""
    for block in blocks:
        if rows := block.format_json():
            yield separator + rows
            separator = b","
