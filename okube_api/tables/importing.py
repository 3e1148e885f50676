"""Imports an uploaded table in bounded memory: upserts one resource per row, all of them or only the valid ones."""

from array import array
from dataclasses import dataclass, field, replace
from typing import Self

from anyio import to_thread

from okube_api.errors import Fault, Impossible, Taken
from okube_api.kit.bulk_upsert import BulkUpsert, UpsertItem, UpsertOutcome
from okube_api.store.values import Json
from okube_api.tables.columns import COORDINATES
from okube_api.tables.parsing import MAX_ERRORS, RowParser
from okube_api.tables.reading import RowBlock, UploadedTable
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


class TableImport:
    """One import: `prepare` reads the table in blocks and spools the documents to disk, `write` stores them at once.

    It is a context manager that closes the spools.
    """

    def __init__(self, table: UploadedTable, row_parser: RowParser, bulk: BulkUpsert) -> None:
        self._table, self._row_parser, self._bulk = table, row_parser, bulk
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
        blocks = self._table.read_blocks()
        while (block := await to_thread.run_sync(next, blocks, None)) is not None:
            await self._prepare_block(block)
        if self._report.failed and not partial:
            raise self._build_refusal()

    async def write(self) -> ImportReport:
        """Store the prepared resources, all or none, and return the report.  Raise Taken and Conflict."""
        try:
            await self._bulk.write(self._new, self._changed, self._new_lines + self._changed_lines)
        except Taken as refusal:
            raise Taken(refusal.detail, faults=[_relocate_fault(fault) for fault in refusal.faults]) from None
        return self._report

    async def _prepare_block(self, block: RowBlock) -> None:
        rows, faults = await to_thread.run_sync(self._row_parser.parse, block)
        self._add_faults(faults)
        partial_objects = self._row_parser.partial_objects
        items = [UpsertItem(row.fields, row.line, row.id, partial_objects) for row in rows]
        outcomes = await self._bulk.prepare(items)
        await to_thread.run_sync(self._spool_outcomes, outcomes)

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
