"""An uploaded table made into resources: every good row, or nothing when one is bad, with bounded memory."""

from array import array
from dataclasses import dataclass, field, replace

from anyio import to_thread

from okube_api.errors import Fault, Impossible, Taken
from okube_api.kit.bulk_upsert import BulkUpsert, UpsertItem, UpsertOutcome
from okube_api.store.values import Json
from okube_api.tables.parsing import RowParser
from okube_api.tables.reading import RowBlock, Upload
from okube_api.tables.spool import Spool

MOST_ERRORS = 100


@dataclass(slots=True)
class ImportReport:
    """What came of a table, in rows; of the errors, the first 100."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    failed: int = 0
    errors: list[Fault] = field(default_factory=list)

    def as_json(self) -> Json:
        """The shape that answers carry."""
        counts = {name: getattr(self, name) for name in ("created", "updated", "unchanged", "failed")}
        return {**counts, "errors": [fault.as_json() for fault in self.errors]}


class TableImport:
    """One table on its way into the store."""

    def __init__(self, upload: Upload, rows: RowParser, bulk: BulkUpsert) -> None:
        self._upload, self._rows, self._bulk = upload, rows, bulk
        self._report = ImportReport()
        self._new, self._changed = Spool(), Spool()
        self._new_lines, self._changed_lines = array("Q"), array("Q")

    async def run(self, *, partial: bool) -> ImportReport:
        """Reads everything, then writes it.

        partial: leaves bad rows out, instead of raising Impossible, which names the first hundred and counts them.
        """
        with self._new, self._changed:
            blocks = self._upload.blocks()
            while (block := await to_thread.run_sync(next, blocks, None)) is not None:
                await self._take(block)
            if self._report.failed and not partial:
                raise self._refusal()
            await self._write()
        return self._report

    async def _take(self, block: RowBlock) -> None:
        rows, faults = await to_thread.run_sync(self._rows.read, block)
        self._fail(faults)
        inner = self._rows.partial_objects
        wanted = [UpsertItem(row.fields, row.line, row.id, inner) for row in rows]
        outcomes = await self._bulk.prepare(wanted)
        await to_thread.run_sync(self._set_aside, outcomes)

    def _set_aside(self, outcomes: list[UpsertOutcome]) -> None:
        for one in outcomes:
            if one.after is None:
                self._fail([self._named(fault, one.position) for fault in one.faults])
            elif one.is_unchanged:
                self._report.unchanged += 1
            elif one.before is None:
                self._report.created += 1
                self._new.append(one.after)
                self._new_lines.append(one.position)
            else:
                self._report.updated += 1
                self._changed.append(one.after)
                self._changed_lines.append(one.position)

    def _fail(self, faults: list[Fault]) -> None:
        """Counts the rows of these faults, which come row by row."""
        self._report.failed += len({fault.line for fault in faults})
        self._report.errors += faults[: MOST_ERRORS - len(self._report.errors)]

    def _named(self, fault: Fault, line: int) -> Fault:
        return replace(fault, pointer="/file", line=line, column=self._rows.column_at(fault.pointer))

    async def _write(self) -> None:
        try:
            await self._bulk.write(self._new, self._changed, self._new_lines + self._changed_lines)
        except Taken as refusal:
            raise Taken(refusal.detail, faults=[_moved(fault) for fault in refusal.faults]) from None

    def _refusal(self) -> Impossible:
        rows = "1 row is" if self._report.failed == 1 else f"{self._report.failed:,} rows are"
        return Impossible(
            f"{rows} not as they should be: nothing was imported.",
            faults=self._report.errors,
            extra={"failed": self._report.failed},
        )


def _moved(fault: Fault) -> Fault:
    """A fault whose pointer starts with the line, as one of a table."""
    _, line, column = fault.pointer.split("/")
    return replace(fault, pointer="/file", line=int(line), column=column)
