"""Checks that everything in the store can be read."""

from okube_api.cli.runtime import build_store, echo, fail, require_store, run_command
from okube_api.settings import Settings


def check() -> None:
    """Read the whole store and print a line for each table; end with status 1 when a table cannot be read."""
    run_command(_check())


async def _check() -> None:
    settings = Settings()
    require_store(settings, has_url=False)
    store = build_store(settings)
    damaged = 0
    rows = 0
    try:
        async for table in store.check():
            damaged += table.error is not None
            rows += table.rows
            echo(f"{table.name}: {table.rows:,} rows" if table.error is None else f"{table.name}: {table.error}")
    finally:
        await store.close()
    if damaged:
        fail(f"{damaged} tables cannot be read. Restore the latest backup.")
    echo(f"All {rows:,} rows can be read.")
