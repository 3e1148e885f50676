"""Writes the events of a batch to the raw table of their kind, and stores its rejected lines."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial

import pyarrow as pa

from okube_api.catalogue.buckets import to_date
from okube_api.ingest.batches import MAX_REASONS, Batches
from okube_api.ingest.columns.prefetch import prefetch
from okube_api.ingest.encryption import LineCipher
from okube_api.ingest.events.kinds import KINDS
from okube_api.ingest.load.file_blocks import FileBlock, Progress
from okube_api.ingest.load.normalizer import Normalizer
from okube_api.ingest.parse.text import RejectedLine
from okube_api.ingest.retry import commit_with_retry
from okube_api.store.plan_analysis import get_stored_types, make_arrow_schema
from okube_api.store.protocol import Change, Store
from okube_api.store.values import Json

MAX_ROWS = 300_000
"""Approximate number of rows that one change writes."""
MAX_REJECTED_LINES, MAX_REJECTED_BYTES = 10_000, 64 * 2**20
"""Default limits of the rejected lines that are stored per file; further ones are only counted."""
_LINES_PER_DOCUMENT = 500
_DOCUMENT_BYTES = 4 * 2**20  # MongoDB stores 16 MB at most

_ADVICE = {
    "order of day and month": "Give `dates=dmy` when the day comes first, `dates=mdy` when the month does.",
    "not valid UTF-8": "Give the encoding of the file, for example `encoding=windows-1252` or `encoding=utf-16`.",
    "time zone is missing": "Give `timezone`, for example `timezone=Europe/Paris`, or write instants with an offset, "
    "for example 2019-03-28T10:25:15+01:00.",
    "Unknown field": "If your fields have other names, give `mapper`, for example `mapper[user]=customer`.",
    "Field required": "If your fields have other names, give `mapper`, for example `mapper[user]=customer`.",
    "`dates`": "Give `dates=dmy` when the day comes first, `dates=mdy` when the month does.",
    "not valid JSON": "Send one JSON object per line, or send CSV as `text/csv`.",
    "not a JSON object": "Send one JSON object per line.",
    "has this id": "Create the resources that the events name first, and name them by id or key.",
}
"""Advice for a file of which every line was rejected for the same reason, by a part of that reason."""

OnProgress = Callable[[Progress], None]


@dataclass(slots=True)
class LoadCounts:
    """Counts of a file that is being loaded.

    stored: number of valid events, duplicates included.  rejected: number of rejected lines.
    unresolved: number of lines that were rejected because they name an unknown resource.
    future: number of valid events that are later than now.
    rejected_stored, rejected_bytes: number and size of those that are stored.
    latest_ms: instant of the latest event, ms since 1970.
    days: first and last day of the events, as ordinals; UTC for events with an instant.
    format: media type of the file, by its content.
    header: the line that names the columns of CSV.  reasons: why the first lines were rejected.
    distinct_reasons: at most two different reasons of rejected lines.
    """

    stored: int = 0
    rejected: int = 0
    unresolved: int = 0
    future: int = 0
    rejected_stored: int = 0
    rejected_bytes: int = 0
    latest_ms: int | None = None
    days: tuple[int, int] | None = None
    format: str | None = None
    header: str | None = None
    reasons: list[Json] = field(default_factory=list)
    distinct_reasons: set[str] = field(default_factory=set)

    def add_rejected(self, rejected: Sequence[RejectedLine]) -> None:
        """Count rejected lines, and keep the reasons of the first ones."""
        missing = MAX_REASONS - len(self.reasons)
        self.reasons += [{"line": line.number, "reason": line.reason} for line in rejected[:missing]]
        if len(self.distinct_reasons) < 2:
            self.distinct_reasons |= set(sorted({line.reason for line in rejected})[:2])
        self.rejected += len(rejected)

    def as_fields(self) -> Json:
        """Return the counts as fields of a batch, without those that have no value."""
        first, last = (None, None) if self.days is None else (str(to_date(day)) for day in self.days)
        optional = {
            "latest": self.latest_ms,
            "firstDay": first,
            "lastDay": last,
            "format": self.format,
            "header": self.header,
            "message": self.describe_failure(),
        }
        given = {name: value for name, value in optional.items() if value is not None}
        counts = {
            "rejected": self.rejected,
            "omitted": self.rejected - self.rejected_stored,
            "unresolved": self.unresolved,
            "future": self.future,
        }
        return {**counts, "reasons": self.reasons, **given}

    def describe_failure(self) -> str | None:
        """Return advice when every line was rejected for the same reason, None otherwise."""
        if self.stored or len(self.distinct_reasons) != 1:
            return None
        (reason,) = self.distinct_reasons
        advice = next((advice for part, advice in _ADVICE.items() if part in reason), reason)
        return f"Every line was rejected for the same reason. {advice}"


class EventWriter:
    """Writes the events of one batch, and its rejected lines."""

    def __init__(
        self,
        store: Store,
        batches: Batches,
        cipher: LineCipher,
        normalizer: Normalizer,
        batch: Json,
        *,
        most_rejected: int = MAX_REJECTED_LINES,
    ) -> None:
        """most_rejected: number of rejected lines to store; further ones are only counted."""
        self._store, self._batches, self._cipher = store, batches, cipher
        self._normalizer, self._batch, self._table = normalizer, batch, KINDS[batch["kind"]].table
        self._most_rejected = most_rejected
        self._counts = LoadCounts()

    async def write(self, blocks: AsyncIterator[FileBlock], on_progress: OnProgress | None) -> LoadCounts:
        """Write the valid events of a file, store its rejected lines, and return the counts.

        While rows are written, the next rows are normalised, and the next block is parsed.
        """
        changes = 0
        async with (
            aclosing(prefetch(blocks)) as parsed,
            aclosing(prefetch(self._normalize(parsed, on_progress))) as ready,
        ):
            async for rows in ready:
                changes += 1
                name = f"{self._batch['_id']}:{changes}"
                append = partial(self._append, rows)
                await commit_with_retry(
                    self._store, self._batch["application"], name, append, only_appends=True, attempts=8, pause_s=0.05
                )
        return self._counts

    async def collect(self, blocks: AsyncIterator[FileBlock]) -> tuple[LoadCounts, pa.Table]:
        """Return the counts and the valid events of a small file; store its rejected lines, but no event."""
        tables = [rows async for rows in self._normalize(blocks, None)]
        empty = make_arrow_schema(get_stored_types(self._table)).empty_table().drop_columns("batch")
        return self._counts, pa.concat_tables([empty, *tables])

    async def _append(self, rows: pa.Table, change: Change) -> None:
        await change.append(self._table, self._batch["number"], rows)

    async def _normalize(
        self, blocks: AsyncIterator[FileBlock], on_progress: OnProgress | None
    ) -> AsyncIterator[pa.Table]:
        """Yield the rows to write, about `MAX_ROWS` at a time."""
        tables: list[pa.Table] = []
        async for block in blocks:
            tables.append(await self._normalize_block(block))
            if sum(table.num_rows for table in tables) >= MAX_ROWS:
                yield pa.concat_tables(tables)
                tables = []
            if on_progress is not None:
                on_progress(block.progress)
        if any(table.num_rows for table in tables):
            yield pa.concat_tables(tables)

    async def _normalize_block(self, block: FileBlock) -> pa.Table:
        """Return the rows of the valid events of a block, and reject its other lines."""
        numbers = block.parsed.line_numbers
        normalized = await self._normalizer.normalize(block.parsed.rows, numbers)
        rejected = list(block.parsed.rejected)
        for row, reason in normalized.reasons.items():
            number = int(numbers[row])
            rejected.append(RejectedLine(number, reason, block.get_line(number)))
        await self._reject(sorted(rejected, key=lambda line: line.number))
        self._counts.stored += normalized.rows.num_rows
        self._counts.unresolved += normalized.unresolved
        self._counts.future += normalized.future
        self._counts.format, self._counts.header = block.format, block.header
        if normalized.latest_ms is not None:
            self._counts.latest_ms = max(self._counts.latest_ms or 0, normalized.latest_ms)
        if normalized.days is not None:
            first, last = self._counts.days or normalized.days
            self._counts.days = min(first, normalized.days[0]), max(last, normalized.days[1])
        return normalized.rows

    async def _reject(self, rejected: list[RejectedLine]) -> None:
        """Count rejected lines; store the lines and reasons up to the limits."""
        counts = self._counts
        counts.add_rejected(rejected)
        for lines in split_rejected(rejected[: self._most_rejected - counts.rejected_stored]):
            if counts.rejected_bytes >= MAX_REJECTED_BYTES:
                break
            await self._batches.store_rejected(self._batch, counts.rejected_stored, lines, self._cipher)
            counts.rejected_stored += len(lines)
            counts.rejected_bytes += sum(len(line.text) for line in lines)


def split_rejected(rejected: Sequence[RejectedLine]) -> Iterator[list[RejectedLine]]:
    """Yield rejected lines in parts of bounded number and size."""
    lines: list[RejectedLine] = []
    size = 0
    for line in rejected:
        if len(lines) == _LINES_PER_DOCUMENT or (lines and size + len(line.text) > _DOCUMENT_BYTES):
            yield lines
            lines, size = [], 0
        lines.append(line)
        size += len(line.text)
    if lines:
        yield lines
