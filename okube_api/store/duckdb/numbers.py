"""Dense numbers of identifiers, and counters, in DuckDB.  Callers make one call at a time."""

from collections.abc import Sequence

import pyarrow as pa

from okube_api.store.duckdb.connection import Cursor, fetch_table


def create_tables(cursor: Cursor) -> None:
    """Create the tables of numbers and counters."""
    cursor.execute(
        "CREATE TABLE IF NOT EXISTS _numbers (application VARCHAR, kind VARCHAR, identifier BLOB, number BIGINT)"
    )
    cursor.execute("CREATE TABLE IF NOT EXISTS _counters (application VARCHAR, name VARCHAR, last BIGINT)")


def find_numbers(cursor: Cursor, application: str, kind: str, identifiers: Sequence[bytes]) -> dict[bytes, int]:
    """Return the numbers of the identifiers that have one."""
    cursor.register("given", pa.table({"identifier": pa.array(identifiers, pa.binary())}))
    rows = fetch_table(
        cursor,
        "SELECT identifier, number FROM _numbers "
        "WHERE application = ? AND kind = ? AND identifier IN (SELECT identifier FROM given)",
        [application, kind],
    )
    cursor.unregister("given")
    return dict(zip(rows["identifier"].to_pylist(), rows["number"].to_pylist(), strict=True))


def assign_numbers(cursor: Cursor, application: str, kind: str, identifiers: Sequence[bytes]) -> list[int]:
    """Return the number of each identifier; new identifiers get the next numbers."""
    numbers = find_numbers(cursor, application, kind, identifiers)
    if new := [identifier for identifier in dict.fromkeys(identifiers) if identifier not in numbers]:
        sql = "SELECT coalesce(max(number) + 1, 0) FROM _numbers WHERE application = ? AND kind = ?"
        first = cursor.execute(sql, [application, kind]).fetchall()[0][0]
        new_numbers = range(first, first + len(new))
        rows = pa.table({"identifier": pa.array(new, pa.binary()), "number": pa.array(new_numbers, pa.int64())})
        cursor.register("new_numbers", rows)
        cursor.execute("INSERT INTO _numbers SELECT ?, ?, identifier, number FROM new_numbers", [application, kind])
        cursor.unregister("new_numbers")
        numbers.update(zip(new, new_numbers, strict=True))
    return [numbers[identifier] for identifier in identifiers]


def increment_counter(cursor: Cursor, application: str, counter: str, count: int) -> int:
    """Increment a counter, which begins at 0, and return its value."""
    sql = "UPDATE _counters SET last = last + ? WHERE application = ? AND name = ? RETURNING last"
    if updated := cursor.execute(sql, [count, application, counter]).fetchall():
        return int(updated[0][0])
    cursor.execute("INSERT INTO _counters VALUES (?, ?, ?)", [application, counter, count])
    return count
