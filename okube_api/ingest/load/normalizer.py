"""Normalises events: turns the columns that clients send into the columns of raw tables.

Users and devices become user numbers, keys of resources become `_id`s, instants ms since 1970, and amounts integers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from okube_api.catalogue.buckets import to_date
from okube_api.catalogue.weights import WEIGHT_UNIT
from okube_api.ingest.columns.columns import to_column
from okube_api.ingest.columns.local_days import to_utc_days
from okube_api.ingest.columns.timestamps import parse_days, to_milliseconds
from okube_api.ingest.events.kinds import EventKind
from okube_api.ingest.events.tables import UNDATED_PART
from okube_api.ingest.load.pseudonyms import DEVICE, USER, Digests, Pseudonyms
from okube_api.ingest.load.references import REFERENCES, ReferenceResolver
from okube_api.store.arrays import Flags, Ints
from okube_api.store.column_types import ARROW_TYPES
from okube_api.store.plan_analysis import get_stored_types
from okube_api.threads import run_for_rows

_MILLIONTHS = 1_000_000
_COUNTS = ("prints", "clicks", "openings")

Columns = Mapping[str, pa.ChunkedArray]


@dataclass(frozen=True, slots=True, eq=False)
class CheckedRows:
    """The ids and instants of the rows of a block, and why some rows are rejected.

    ids: the `_id`s of the resources that rows name, by field; null where there is none.
    times: the partition and, for kinds with instants, the instant (`at`, ms) of each row.
    reasons: why rows are rejected, by their position in the block.
    unresolved: the number of rows that are rejected because they name an unknown resource.
    """

    ids: Mapping[str, pa.ChunkedArray]
    times: Mapping[str, Ints]
    reasons: Mapping[int, str]
    unresolved: int


@dataclass(frozen=True, slots=True, eq=False)
class NormalizedRows:
    """The accepted rows of a block, as stored.

    reasons, unresolved: see `CheckedRows`.
    future: the number of rows that are later than now.
    latest_ms: the latest instant of the rows, None when no row has an instant.
    days: the first and the last day of the rows (UTC for instants; ordinals), None when no row has a day.
    """

    rows: pa.Table
    reasons: Mapping[int, str]
    unresolved: int
    future: int
    latest_ms: int | None
    days: tuple[int, int] | None


class Normalizer:
    """Normalises the events of one batch."""

    def __init__(
        self,
        kind: EventKind,
        pseudonyms: Pseudonyms,
        resolver: ReferenceResolver,
        digests: Digests,
        *,
        now_ms: int,
        today: int,
        first_kept_day: int | None = None,
    ) -> None:
        """Set up the normalizer.

        now_ms, today: the instant and the local day (an ordinal) after which events are from the future.
        first_kept_day: the first UTC day whose events are accepted, None when there is no limit.
        """
        self._now_ms, self._today = now_ms, today
        self._kind, self._pseudonyms, self._resolver, self._digests = kind, pseudonyms, resolver, digests
        self._first_kept_day = None if kind.time_field is None else first_kept_day

    async def check(self, sent: pa.Table) -> CheckedRows:
        """Find the rows of a block that name an unknown resource or are too old; nothing is written.

        sent: valid rows with the columns of `get_schema`; instants and days may be Arrow timestamps and dates.
        """
        ids: dict[str, pa.ChunkedArray] = {}
        reasons: dict[int, str] = {}
        for field in sent.column_names:
            if field in REFERENCES:
                kind = REFERENCES[field]
                ids[field] = await self._resolver.resolve_ids(kind, sent[field])
                unresolved = np.flatnonzero(_is_unresolved(sent[field], ids[field]))
                for row, name in zip(unresolved.tolist(), sent[field].take(unresolved).to_pylist(), strict=True):
                    reasons.setdefault(row, f"'{field}': {self._resolver.describe_failure(kind, name)}")
        unresolved_rows = len(reasons)
        times = await run_for_rows(sent.num_rows, partial(self._read_times, sent))
        if self._first_kept_day is not None:
            limit = f"events before {to_date(self._first_kept_day)} (UTC) are not kept"
            for row in np.flatnonzero(times["part"] < self._first_kept_day).tolist():
                reasons.setdefault(row, f"Event is older than the retention period: {limit}.")
        return CheckedRows(ids, times, reasons, unresolved_rows)

    async def normalize(self, sent: pa.Table, line_numbers: Ints) -> NormalizedRows:
        """Return the rows of a block as stored; reject rows by the rules of `check`.

        sent: see `check`.
        line_numbers: the number of each row's line in the file.
        """
        checked = await self.check(sent)
        ids, times = checked.ids, checked.times
        if checked.reasons:
            accepted = np.ones(sent.num_rows, np.bool_)
            accepted[list(checked.reasons)] = False
            mask = pa.array(accepted)
            sent, line_numbers = sent.filter(mask), line_numbers[accepted]
            ids = {field: column.filter(mask) for field, column in ids.items()}
            times = {name: values[accepted] for name, values in times.items()}
        users: dict[str, Ints] = {}
        for field in (USER, DEVICE):
            if field in sent.column_names:
                users["user"] = await self._pseudonyms.assign_numbers(field, sent[field])
        latest_ms = int(times["at"].max()) if len(times.get("at", ())) else None
        numbers = {"line": line_numbers, **times, **users}
        rows = await run_for_rows(sent.num_rows, partial(self._build_rows, sent, numbers, ids))
        is_future = times["at"] > self._now_ms if "at" in times else times["part"] > self._today
        days = None
        if self._kind.time_field is not None and sent.num_rows:
            days = int(times["part"].min()), int(times["part"].max())
        future = int(np.count_nonzero(is_future))
        return NormalizedRows(rows, checked.reasons, checked.unresolved, future, latest_ms, days)

    def _read_times(self, sent: pa.Table) -> dict[str, Ints]:
        """Return the partition of each row (`part`) and, for kinds with instants, its instant (`at`, ms)."""
        field = self._kind.time_field
        if field is None:
            return {"part": np.full(sent.num_rows, UNDATED_PART, np.int64)}
        if field == "day":
            return {"part": _to_ordinals(sent["day"])}
        at_ms = to_milliseconds(sent[field])
        return {"at": at_ms, "part": to_utc_days(at_ms)}

    def _build_rows(self, sent: pa.Table, numbers: Mapping[str, Ints], ids: Columns) -> pa.Table:
        """Return a table with the columns of the raw table except `batch`."""
        columns: dict[str, object] = {name: sent[name] for name in sent.column_names}
        columns |= {**numbers, **ids, **_scale_amounts(sent), **self._hash_texts(sent)}
        if "site" in ids and "poi" in ids:
            columns["place"] = pc.coalesce(ids["site"], ids["poi"])
        if "end" in sent.column_names:
            columns["end"] = pa.array(to_milliseconds(sent["end"]), mask=~sent["end"].is_valid().to_numpy())
        types = get_stored_types(self._kind.table)
        schema = pa.schema([(name, ARROW_TYPES[types[name]]) for name in types if name != "batch"])
        return pa.table([to_column(columns[field.name], field.type) for field in schema], schema=schema)

    def _hash_texts(self, sent: pa.Table) -> dict[str, object]:
        columns: dict[str, object] = {}
        if "id" in sent.column_names:
            high, low, given = self._digests.hash_texts(sent["id"])
            columns |= {"id_high": pa.array(high, mask=~given), "id_low": pa.array(low, mask=~given)}
        if "order" in sent.column_names:
            _, low, given = self._digests.hash_texts(sent["order"])
            columns["order"] = pa.array(low, mask=~given)
        return columns


def _is_unresolved(names: pa.ChunkedArray, ids: pa.ChunkedArray) -> Flags:
    unresolved: Flags = names.is_valid().to_numpy() & ~ids.is_valid().to_numpy()
    return unresolved


def _to_ordinals(column: pa.ChunkedArray) -> Ints:
    if pa.types.is_date(column.type):
        ordinals: Ints = column.cast(pa.date32()).cast(pa.int32()).to_numpy().astype(np.int64) + 1
        return ordinals
    return parse_days(column.combine_chunks())[0]


def _scale_amounts(sent: pa.Table) -> dict[str, object]:
    """Return the columns of numbers that are stored otherwise.

    Weights become thousandths, money millionths; counts that are absent become 0, negative speeds null.
    """
    columns: dict[str, object] = {}
    if "weight" in sent.column_names:
        columns["weight"] = _scale(pc.fill_null(sent["weight"], 1.0), WEIGHT_UNIT)
    if "amount" in sent.column_names:
        columns["amount_micro"] = _scale(sent["amount"], _MILLIONTHS)
    if "speed" in sent.column_names and sent["speed"].null_count < sent.num_rows:
        is_unknown = pc.less(sent["speed"], 0.0)
        columns["speed"] = pc.if_else(is_unknown, pa.scalar(None, pa.float64()), sent["speed"])
    return columns | {name: pc.fill_null(sent[name], 0) for name in _COUNTS if name in sent.column_names}


def _scale(values: pa.ChunkedArray, unit: int) -> Ints:
    scaled: Ints = np.rint(values.to_numpy() * unit).astype(np.int64)
    return scaled
