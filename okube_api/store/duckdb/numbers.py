"""Dense numbers for identifiers, and counters, in DuckDB; whoever makes the calls lets one happen at a time."""

from collections.abc import Sequence

import pyarrow as pa

from okube_api.store.duckdb.connection import Cursor, fetch_table


def create_tables(cursor: Cursor) -> None:
    """Makes the tables."""
    cursor.execute(
        "CREATE TABLE IF NOT EXISTS _numbers (application VARCHAR, kind VARCHAR, identifier BLOB, number BIGINT)"
    )
    cursor.execute("CREATE TABLE IF NOT EXISTS _counters (application VARCHAR, name VARCHAR, last BIGINT)")


def find_numbers(cursor: Cursor, application: str, kind: str, identifiers: Sequence[bytes]) -> dict[bytes, int]:
    """The numbers of those identifiers that have one."""
    cursor.register("wanted", pa.table({"identifier": pa.array(identifiers, pa.binary())}))
    found = fetch_table(
        cursor,
        "SELECT identifier, number FROM _numbers "
        "WHERE application = ? AND kind = ? AND identifier IN (SELECT identifier FROM wanted)",
        [application, kind],
    )
    cursor.unregister("wanted")
    return dict(zip(found["identifier"].to_pylist(), found["number"].to_pylist(), strict=True))


def assign_numbers(cursor: Cursor, application: str, kind: str, identifiers: Sequence[bytes]) -> list[int]:
    """The number of each identifier, new ones included."""
    found = find_numbers(cursor, application, kind, identifiers)
    if new := [one for one in dict.fromkeys(identifiers) if one not in found]:
        sql = "SELECT coalesce(max(number) + 1, 0) FROM _numbers WHERE application = ? AND kind = ?"
        first = cursor.execute(sql, [application, kind]).fetchall()[0][0]
        allotted = range(first, first + len(new))
        rows = pa.table({"identifier": pa.array(new, pa.binary()), "number": pa.array(allotted, pa.int64())})
        cursor.register("fresh", rows)
        cursor.execute("INSERT INTO _numbers SELECT ?, ?, identifier, number FROM fresh", [application, kind])
        cursor.unregister("fresh")
        found.update(zip(new, allotted, strict=True))
    return [found[one] for one in identifiers]


def increment_counter(cursor: Cursor, application: str, counter: str) -> int:
    """The next of a counter."""
    sql = "UPDATE _counters SET last = last + 1 WHERE application = ? AND name = ? RETURNING last"
    if found := cursor.execute(sql, [application, counter]).fetchall():
        return int(found[0][0])
    cursor.execute("INSERT INTO _counters VALUES (?, ?, 1)", [application, counter])
    return 1
