"""Imports an uploaded table in bounded memory: upserts one resource per row, all of them or only the valid ones."""

from array import array
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from anyio import to_thread

from okube_api.errors import Fault, Impossible, Taken
from okube_api.kit.bulk_upsert import BulkUpsert, UpsertItem, UpsertOutcome
from okube_api.kit.dry_run import MAX_TRIED_LINES, TriedLine, shorten_values
from okube_api.store.values import Json
from okube_api.tables.columns import COORDINATES
from okube_api.tables.parsing import MAX_ERRORS, Row, RowParser
from okube_api.tables.reading import BLOCK_ROWS, RowBlock, UploadedTable
from okube_api.tables.spool import Spool


@dataclass(slots=True)
class ImportReport:
    """The result of an import: counts of rows, and the first `MAX_ERRORS` errors."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    failed: int = 0
    errors: list[Fault] = field(default_factory=list)

    def as_json(self) -> Json:
        """Return the report in the form of answers."""
        counts = {name: getattr(self, name) for name in ("created", "updated", "unchanged", "failed")}
        return {**counts, "errors": [fault.as_json() for fault in self.errors]}


class TableTrial:
    """The result of a dry run: how many rows are accepted, and the first `MAX_TRIED_LINES` lines."""

    def __init__(self) -> None:
        self._accepted = self._rejected = 0
        self._lines: dict[int, TriedLine] = {}
        self._last_line: int | None = None  # later lines are no longer among the first

    def count(self, line: int, *, is_accepted: bool) -> bool:
        """Count a line; return whether it may be among the first."""
        self._accepted += is_accepted
        self._rejected += not is_accepted
        return self._last_line is None or line < self._last_line

    def add(self, line: int, values: Json, reasons: Sequence[tuple[str | None, str]]) -> None:
        """Add a line.  reasons: why it is rejected, see `TriedLine`."""
        self._lines[line] = TriedLine(line, shorten_values(values), reasons)
        if len(self._lines) == 2 * MAX_TRIED_LINES:
            first = sorted(self._lines)[:MAX_TRIED_LINES]
            self._lines = {number: self._lines[number] for number in first}
            self._last_line = first[-1]

    def as_json(self) -> Json:
        """Return the result in the form of answers."""
        return {
            "dryRun": True,
            "accepted": self._accepted,
            "rejected": self._rejected,
            "lines": [self._lines[line].as_json() for line in sorted(self._lines)[:MAX_TRIED_LINES]],
        }


class TableImport:
    """One import: `prepare` reads the table in blocks and spools the documents to disk, `write` stores them at once.

    It is a context manager that closes the spools.
    """

    def __init__(
        self, table: UploadedTable, row_parser: RowParser, bulk: BulkUpsert, *, list_field: str | None = None
    ) -> None:
        """list_field: rows with columns of its only object are united when they have the same `_id` or key."""
        self._table, self._row_parser, self._bulk = table, row_parser, bulk
        self._list_field = list_field if row_parser.has_single_items else None
        self._trial: TableTrial | None = None  # in a dry run
        self._united_rows: defaultdict[int, list[Row]] = defaultdict(list)  # by the line of the first, the others
        self._report = ImportReport()
        self._new, self._changed = Spool(), Spool()
        self._new_lines, self._changed_lines = array("Q"), array("Q")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._new.close()
        self._changed.close()

    async def prepare(self, *, partial: bool) -> None:
        """Read and check the table; nothing is stored.

        partial: whether to skip invalid rows.  Else raise Impossible, with their number and the first errors.
        """
        await self._prepare_all()
        if self._report.failed and not partial:
            raise self._build_refusal()

    async def try_rows(self) -> Json:
        """Check the table like `prepare` and `write`, without writing; return the answer of a dry run.  Raise Taken."""
        self._trial = TableTrial()
        await self._prepare_all()
        try:
            await self._bulk.check_keys(self._new, self._changed, self._new_lines + self._changed_lines)
        except Taken as refusal:
            raise Taken(refusal.detail, faults=[_relocate_fault(fault) for fault in refusal.faults]) from None
        return self._trial.as_json()

    async def _prepare_all(self) -> None:
        blocks = self._table.read_blocks()
        pending: list[Row] = []
        while (block := await to_thread.run_sync(next, blocks, None)) is not None:
            rows, faults = await to_thread.run_sync(self._row_parser.parse, block)
            self._add_faults(faults)
            self._note_faults(faults, block)
            if self._list_field is None:
                await self._prepare_rows(rows)
            else:
                pending += rows
        if self._list_field is not None:
            united = await to_thread.run_sync(self._unite_rows, pending, self._list_field)
            for start in range(0, len(united), BLOCK_ROWS):
                await self._prepare_rows(united[start : start + BLOCK_ROWS])

    def _unite_rows(self, rows: Sequence[Row], list_field: str) -> list[Row]:
        """Return rows of which those with the same `_id` or key are one, with the items of all in a list.

        A row that has another value of some field than the first one, or the same item, is refused.
        """
        united: dict[str, Row] = {}
        remaining: list[Row] = []
        for row in rows:
            resource = row.id or row.fields.get("key")
            first = united.setdefault(resource, row) if resource else row
            if first is row:
                remaining.append(row)
                continue
            items, item = first.fields.get(list_field) or [], row.fields.get(list_field) or []
            column = next(
                (
                    field
                    for field, value in row.fields.items()
                    if field != list_field and value is not None and first.fields.get(field) not in (None, value)
                ),
                None,
            )
            if column is not None:
                reason = f"'{column}' differs from line {first.line}, which has the same key."
            elif not item or item[0] in items:
                reason = f"Duplicate row: line {first.line} has the same key and the same values."
            else:
                given = {field: value for field, value in row.fields.items() if value is not None}
                first.fields.update(given | {list_field: [*items, *item]})
                self._united_rows[first.line].append(row)
                continue
            name = None if column is None else self._row_parser.find_column(f"/{column}")
            fault = Fault("body", "/file", "invalid", reason, row.line, name)
            self._add_faults([fault])
            self._note_row(row, [fault])
        return remaining

    async def write(self) -> ImportReport:
        """Store the prepared resources, all or none, and return the report.  Raise Taken and Conflict."""
        try:
            await self._bulk.write(self._new, self._changed, self._new_lines + self._changed_lines)
        except Taken as refusal:
            raise Taken(refusal.detail, faults=[_relocate_fault(fault) for fault in refusal.faults]) from None
        return self._report

    async def _prepare_rows(self, rows: Sequence[Row]) -> None:
        partial_objects = self._row_parser.partial_objects
        items = [UpsertItem(row.fields, row.line, row.id, partial_objects) for row in rows]
        outcomes = await self._bulk.prepare(items)
        await to_thread.run_sync(self._spool_outcomes, outcomes)
        if self._trial is not None:
            for row, outcome in zip(rows, outcomes, strict=True):
                is_accepted = outcome.after is not None
                self._note_row(
                    row, [] if is_accepted else [self._locate_fault(fault, row.line) for fault in outcome.faults]
                )

    def _note_row(self, row: Row, faults: Sequence[Fault]) -> None:
        """Add a row, and those united with it, to the lines of a dry run."""
        if self._trial is None:
            return
        for united in (row, *self._united_rows.get(row.line, ())):
            if self._trial.count(united.line, is_accepted=not faults):
                self._trial.add(united.line, self._row_parser.list_values(united.fields), self._list_reasons(faults))

    def _note_faults(self, faults: Sequence[Fault], block: RowBlock) -> None:
        """Add rows that could not be parsed to the lines of a dry run."""
        if self._trial is None:
            return
        faults_of_line: defaultdict[int, list[Fault]] = defaultdict(list)
        for fault in faults:
            faults_of_line[fault.line or 0].append(fault)
        for line, line_faults in faults_of_line.items():
            if self._trial.count(line, is_accepted=False):
                texts = block.rows.loc[line].to_dict() if line in block.rows.index else {}
                self._trial.add(line, self._row_parser.list_texts(texts), self._list_reasons(line_faults))

    def _list_reasons(self, faults: Sequence[Fault]) -> list[tuple[str | None, str]]:
        return [(self._row_parser.find_model_column(fault.column), fault.message) for fault in faults]

    def _spool_outcomes(self, outcomes: list[UpsertOutcome]) -> None:
        for outcome in outcomes:
            if outcome.after is None:
                self._add_faults([self._locate_fault(fault, outcome.position) for fault in outcome.faults])
            elif outcome.is_unchanged:
                self._report.created += outcome.is_created
                self._report.unchanged += not outcome.is_created
            elif outcome.before is None:
                self._report.created += 1
                self._new.append(outcome.after)
                self._new_lines.append(outcome.position)
            else:
                self._report.updated += 1
                self._changed.append(outcome.after)
                self._changed_lines.append(outcome.position)

    def _add_faults(self, faults: list[Fault]) -> None:
        """Add the faults of rows to the report; all faults of a row are in the same call."""
        self._report.failed += len({fault.line for fault in faults})
        self._report.errors += faults[: MAX_ERRORS - len(self._report.errors)]

    def _locate_fault(self, fault: Fault, line: int) -> Fault:
        column = self._row_parser.find_column(fault.pointer)
        message = fault.message
        if fault.code == "missing" and column is not None and column not in self._table.columns:
            names = COORDINATES if column == "coordinates" else (column,)
            mapped = " and ".join(f"`mapper[{name}]`" for name in names)
            message = f"{message} The file has no column for it: give the name of its column as {mapped}."
        return replace(fault, message=message, pointer="/file", line=line, column=column)

    def _build_refusal(self) -> Impossible:
        rows = "1 row is" if self._report.failed == 1 else f"{self._report.failed:,} rows are"
        return Impossible(
            f"{rows} invalid. Nothing was imported.",
            faults=self._report.errors,
            extra={"failed": self._report.failed},
        )


def _relocate_fault(fault: Fault) -> Fault:
    """Return a fault whose pointer is /line/column as a fault of the table."""
    _, line, column = fault.pointer.split("/")
    return replace(fault, pointer="/file", line=int(line), column=column)
