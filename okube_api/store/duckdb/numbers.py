"""Dense numbers of identifiers, and counters, in DuckDB.  Callers make one call at a time."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from okube_api.store.arrays import Ints
from okube_api.store.duckdb.connection import Cursor, fetch_table


def create_tables(cursor: Cursor) -> None:
    """Create the tables of numbers and counters."""
    cursor.execute(
        "CREATE TABLE IF NOT EXISTS _numbers (application VARCHAR, kind VARCHAR, identifier BLOB, number BIGINT)"
    )
    cursor.execute("CREATE TABLE IF NOT EXISTS _counters (application VARCHAR, name VARCHAR, last BIGINT)")


def count_numbers(cursor: Cursor, application: str) -> int:
    """Return the number that is above all numbers of an application, of any kind."""
    sql = "SELECT coalesce(max(number), -1) + 1 FROM _numbers WHERE application = ?"
    ((count,),) = cursor.execute(sql, [application]).fetchall()
    return int(count)


def find_numbers(cursor: Cursor, application: str, kind: str, identifiers: Sequence[bytes]) -> list[int | None]:
    """Return the number of each identifier, None for identifiers that have none."""
    numbers = _look_up(cursor, application, kind, pa.array(identifiers, pa.binary()))
    return [None if number < 0 else number for number in numbers.tolist()]


def assign_numbers(cursor: Cursor, application: str, kind: str, identifiers: Sequence[bytes]) -> list[int]:
    """Return the number of each identifier; new identifiers get the next numbers."""
    encoded = pa.array(identifiers, pa.binary()).dictionary_encode()
    distinct = encoded.dictionary
    numbers = _look_up(cursor, application, kind, distinct)
    new = np.flatnonzero(numbers < 0)
    if len(new):
        sql = "SELECT coalesce(max(number) + 1, 0) FROM _numbers WHERE application = ? AND kind = ?"
        first = cursor.execute(sql, [application, kind]).fetchall()[0][0]
        numbers[new] = np.arange(first, first + len(new))
        rows = pa.table({"identifier": distinct.take(pa.array(new)), "number": numbers[new]})
        cursor.register("new_numbers", rows)
        cursor.execute("INSERT INTO _numbers SELECT ?, ?, identifier, number FROM new_numbers", [application, kind])
        cursor.unregister("new_numbers")
    assigned: list[int] = numbers[encoded.indices.to_numpy()].tolist()
    return assigned


def _look_up(cursor: Cursor, application: str, kind: str, identifiers: pa.Array) -> Ints:
    """Return the number of each identifier, -1 for identifiers that have none."""
    numbers = np.full(len(identifiers), -1, np.int64)
    cursor.register("given", pa.table({"place": np.arange(len(identifiers)), "identifier": identifiers}))
    rows = fetch_table(
        cursor,
        "SELECT place, number FROM _numbers JOIN given USING (identifier) WHERE application = ? AND kind = ?",
        [application, kind],
    )
    cursor.unregister("given")
    numbers[rows["place"].to_numpy()] = rows["number"].to_numpy()
    return numbers


def increment_counter(cursor: Cursor, application: str, counter: str, count: int) -> int:
    """Increment a counter, which begins at 0, and return its value."""
    sql = "UPDATE _counters SET last = last + ? WHERE application = ? AND name = ? RETURNING last"
    if updated := cursor.execute(sql, [count, application, counter]).fetchall():
        return int(updated[0][0])
    cursor.execute("INSERT INTO _counters VALUES (?, ?, ?)", [application, counter, count])
    return count
