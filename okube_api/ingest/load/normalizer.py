"""Events as they were sent become events as they are kept: numbers for people, `_id`s for names, instants in ms."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from okube_api.catalogue.buckets import to_date
from okube_api.catalogue.weights import WEIGHT_UNIT
from okube_api.ingest.columns.local_days import to_utc_days
from okube_api.ingest.columns.timestamps import parse_days, to_milliseconds
from okube_api.ingest.events import tables
from okube_api.ingest.events.kinds import EventKind
from okube_api.ingest.load.pseudonyms import DEVICE, USER, Digests, Pseudonyms
from okube_api.ingest.load.references import CAMPAIGN, EQUIPMENT, POI, SITE, ReferenceResolver
from okube_api.store.arrays import Flags, Ints
from okube_api.store.column_types import ARROW_TYPES
from okube_api.store.plan_analysis import get_stored_types

_MILLIONTHS = 1_000_000
_REFERENCES = {"site": SITE, "poi": POI, "campaign": CAMPAIGN, "equipment": EQUIPMENT}
_COUNTS = ("prints", "clicks", "openings")


@dataclass(frozen=True, slots=True, eq=False)
class NormalizedRows:
    """Rows to be kept; and of the others, by their number among those that came, why not.

    latest_ms: the last instant among the rows, None without one.
    """

    rows: pa.Table
    reasons: Mapping[int, str]
    latest_ms: int | None


class Normalizer:
    """Turns the rows of one application's batch."""

    def __init__(
        self,
        kind: EventKind,
        identities: Pseudonyms,
        references: ReferenceResolver,
        digests: Digests,
        since: int | None = None,
    ) -> None:
        """since: the first UTC day whose events are kept, None when all are."""
        self._kind, self._identities, self._references, self._digests = kind, identities, references, digests
        self._since = None if kind.time_field is None else since

    async def normalize(self, sent: pa.Table, numbers: Ints) -> NormalizedRows:
        """The rows of a block.

        sent: columns as `checks.columns_of` says, instants perhaps as such; numbers: of their lines.
        """
        found = {name: sent[name] for name in sent.column_names if name in _REFERENCES}
        refused: dict[int, str] = {}
        for name, named in list(found.items()):
            found[name] = await self._references.resolve_ids(_REFERENCES[name], named)
            for row in np.flatnonzero(_unknown(named, found[name])).tolist():
                refused.setdefault(row, f"'{name}': There is no {_REFERENCES[name]} of this id or key.")
        when = await asyncio.to_thread(self._when, sent)
        if self._since is not None:
            for row in np.flatnonzero(when["part"] < self._since).tolist():
                refused.setdefault(row, f"It is too old: events before {to_date(self._since)} (UTC) are not kept.")
        if refused:
            kept = np.ones(sent.num_rows, np.bool_)
            kept[list(refused)] = False
            mask = pa.array(kept)
            sent, numbers = sent.filter(mask), numbers[kept]
            found = {name: column.filter(mask) for name, column in found.items()}
            when = {name: values[kept] for name, values in when.items()}
        for name in (USER, DEVICE):
            if name in sent.column_names:
                found["user"] = pa.array(await self._identities.assign_numbers(name, sent[name]))
        latest = int(when["at"].max()) if len(when.get("at", ())) else None
        return NormalizedRows(await asyncio.to_thread(self._rows, sent, numbers, when, found), refused, latest)

    def _when(self, sent: pa.Table) -> dict[str, Ints]:
        """The part of each row; of those that have an instant, also that."""
        if self._kind.time_field is None:
            return {"part": np.full(sent.num_rows, tables.UNDATED_PART, np.int64)}
        if self._kind.time_field == "day":
            return {"part": _days(sent["day"])}
        at = to_milliseconds(sent[self._kind.time_field])
        return {"at": at, "part": to_utc_days(at)}

    def _rows(
        self, sent: pa.Table, numbers: Ints, when: Mapping[str, Ints], found: Mapping[str, pa.ChunkedArray]
    ) -> pa.Table:
        made: dict[str, object] = {"line": numbers}
        made |= {**{name: sent[name] for name in sent.column_names}, **when, **found}
        made |= _amounts(sent) | self._hashes(sent)
        if "site" in found and "poi" in found:
            made["place"] = pc.coalesce(found["site"], found["poi"])
        if "end" in sent.column_names:
            made["end"] = pa.array(to_milliseconds(sent["end"]), mask=~sent["end"].is_valid().to_numpy())
        kinds = {name: kind for name, kind in get_stored_types(self._kind.table).items() if name != "batch"}
        schema = pa.schema([(name, ARROW_TYPES[kind]) for name, kind in kinds.items()])
        return pa.table([_column(made[name], schema.field(name).type) for name in kinds], schema=schema)

    def _hashes(self, sent: pa.Table) -> dict[str, object]:
        made: dict[str, object] = {}
        if "id" in sent.column_names:
            high, low, given = self._digests.hash_texts(sent["id"])
            made |= {"id_high": pa.array(high, mask=~given), "id_low": pa.array(low, mask=~given)}
        if "order" in sent.column_names:
            _, low, given = self._digests.hash_texts(sent["order"])
            made["order"] = pa.array(low, mask=~given)
        return made


def _days(column: pa.ChunkedArray) -> Ints:
    if pa.types.is_date(column.type):
        found: Ints = column.cast(pa.date32()).cast(pa.int32()).to_numpy().astype(np.int64) + 1
        return found
    return parse_days(column.combine_chunks())[0]


def _amounts(sent: pa.Table) -> dict[str, object]:
    """Weights in thousandths, money in millionths, counts."""
    made: dict[str, object] = {}
    if "weight" in sent.column_names:
        made["weight"] = _rounded(pc.fill_null(sent["weight"], 1.0), WEIGHT_UNIT)
    if "amount" in sent.column_names:
        made["amount_micro"] = _rounded(sent["amount"], _MILLIONTHS)
    return made | {name: pc.fill_null(sent[name], 0) for name in _COUNTS if name in sent.column_names}


def _rounded(values: pa.ChunkedArray, parts: int) -> Ints:
    rounded: Ints = np.rint(values.to_numpy() * parts).astype(np.int64)
    return rounded


def _unknown(names: pa.ChunkedArray, ids: pa.ChunkedArray) -> Flags:
    found: Flags = names.is_valid().to_numpy() & ~ids.is_valid().to_numpy()
    return found


def _column(values: object, kind: pa.DataType) -> pa.Array | pa.ChunkedArray:
    return values.cast(kind) if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values, kind)
