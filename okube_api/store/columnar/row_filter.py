"""Filters rows that are not cached, by a condition or by keys."""

import numpy as np
import pyarrow as pa

from okube_api.store.arrays import Flags
from okube_api.store.columnar.frame import build_frame
from okube_api.store.columnar.masks import build_mask
from okube_api.store.columnar.patches import number_rows
from okube_api.store.conditions import Condition
from okube_api.store.plan_analysis import collect_fields, get_stored_types
from okube_api.store.schema import Table


def filter_rows(table: Table, rows: pa.Table, where: Condition) -> pa.Table:
    """Return the rows of a table, as `Reader.read_parts` yields them, that meet a condition on columns but `part`."""
    types = get_stored_types(table)
    frame = build_frame(rows, {name: types[name] for name in collect_fields(where) - {"part"}})
    return rows.filter(pa.array(build_mask(where, frame)))


def match_keys(table: Table, rows: pa.Table, keys: pa.Table) -> Flags:
    """Return which rows equal a row of `keys`, with the same columns and types; null equals null."""
    numbers, numbers_of_keys = number_rows(table, [rows, keys])
    return np.isin(numbers, numbers_of_keys)
