"""Spreads the rows of okube-api over the shards of a MongoDB cluster.

Every collection of facts and rollups gets the shard key {application: "hashed", <what is asked for most>: 1}: the
hashed application spreads tenants evenly, and within a tenant the second field (place, site or campaign; the
partition where events are kept) cuts what would be too much for one shard.  Questions always name the application,
and mostly the second field, so that mongos asks few shards; each groups its own rows, mongos adds up the groups.

Documents (sites, campaigns, users ...) and the allotted numbers stay unsharded: they are small, and are kept unique
by indexes that a sharded collection could not have.

Run it once, on an empty or a filled database, against mongos; again after an update that brought new collections.
What is sharded already is left alone.
"""

import argparse
import json
from collections.abc import Iterator
from typing import Any

from okube_api.store.schema import Schema, Table
from okube_api.store_schema import SCHEMA
from pymongo import MongoClient
from pymongo.errors import OperationFailure

ALREADY = (23, 20)
"""Codes by which a cluster says that a database or collection is sharded."""


def shard_key(table: Table) -> dict[str, str | int]:
    """The shard key of a table's rows."""
    second = "part" if table.packed or not table.index else table.index[0]
    return {"application": "hashed", second: 1}


def commands(database: str, schema: Schema) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each command, with the database to run it in: an index for each key, which a filled collection needs first."""
    yield "admin", {"enableSharding": database}
    for table in schema.tables:
        key = shard_key(table)
        yield database, {"createIndexes": table.name, "indexes": [{"key": key, "name": "shard"}]}
        yield "admin", {"shardCollection": f"{database}.{table.name}", "key": key}


def main() -> None:
    """Runs the commands, or shows them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="mongodb://mongos-host/database, as in OKUBE_STORE_URL")
    parser.add_argument("--dry-run", action="store_true", help="show the commands, run none")
    chosen = parser.parse_args()
    with MongoClient[dict[str, Any]](chosen.url, w="majority") as client:
        for database, command in commands(client.get_default_database().name, SCHEMA):
            print(f"{database}: {json.dumps(command)}")
            if chosen.dry_run:
                continue
            try:
                client[database].command(command)
            except OperationFailure as error:
                if error.code not in ALREADY:
                    raise
                print("  is sharded already")


if __name__ == "__main__":
    main()
