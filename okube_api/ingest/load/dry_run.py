"""Tries a file of events: checks its lines like an ingest, but writes nothing."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from okube_api.ingest.load.event_writer import LoadCounts
from okube_api.ingest.load.file_blocks import FileBlock
from okube_api.ingest.load.normalizer import Normalizer
from okube_api.ingest.parse.parquet import SentRows
from okube_api.ingest.parse.row_checks import InvalidLine, split_reason
from okube_api.ingest.parse.text import RejectedLine
from okube_api.kit.dry_run import MAX_TRIED_LINES, TriedLine, shorten_values
from okube_api.store.values import Json


@dataclass(slots=True)
class EventTrial:
    """The result of a dry run.

    counts: of all lines of the file.  lines: its first `MAX_TRIED_LINES`, in order.
    """

    counts: LoadCounts = field(default_factory=LoadCounts)
    lines: list[TriedLine] = field(default_factory=list)

    def as_json(self) -> Json:
        """Return the result in the form of answers."""
        return {
            "dryRun": True,
            "accepted": self.counts.stored,
            "rejected": self.counts.rejected,
            "lines": [line.as_json() for line in self.lines],
            "message": self.counts.describe_failure(),
        }


async def try_events(kind: str, blocks: AsyncIterator[FileBlock], normalizer: Normalizer) -> EventTrial:
    """Check all lines of a file, as `EventWriter` does before it writes.  Raise the refusals of reading the blocks."""
    trial = EventTrial()
    async for block in blocks:
        parsed = block.parsed
        checked = await normalizer.check(parsed.rows)
        numbers = parsed.line_numbers.tolist()
        refused = {numbers[row]: reason for row, reason in checked.reasons.items()}
        trial.counts.stored += len(numbers) - len(refused)
        trial.counts.unresolved += checked.unresolved
        rejected = [*parsed.rejected, *(RejectedLine(number, reason, b"") for number, reason in refused.items())]
        trial.counts.add_rejected(sorted(rejected, key=lambda line: line.number))
        if (missing := MAX_TRIED_LINES - len(trial.lines)) > 0:
            rows = SentRows(parsed.rows.slice(0, missing), 1)
            values_of = zip(numbers, rows.read_events(range(1, rows.last_row + 1)), strict=False)
            lines = [_describe_row(number, values, refused.get(number), kind) for number, values in values_of]
            lines += [_describe_rejected(line, block, kind) for line in parsed.rejected[:missing]]
            trial.lines += sorted(lines, key=lambda line: line.line)[:missing]
    return trial


def _describe_row(number: int, values: Json, reason: str | None, kind: str) -> TriedLine:
    return TriedLine(number, shorten_values(values), () if reason is None else split_reason(kind, reason))


def _describe_rejected(line: RejectedLine, block: FileBlock, kind: str) -> TriedLine:
    """Return a line that is no valid event, with the values that could be read."""
    try:
        values = block.read_line(line.text) or {}
    except InvalidLine:
        values = {}
    return TriedLine(line.number, shorten_values(values), split_reason(kind, line.reason))
