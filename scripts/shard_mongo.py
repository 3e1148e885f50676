"""Shards the rows of okube-api over a MongoDB cluster.

Every collection of facts and rollups gets the shard key {application: "hashed", <most used filter>: 1}.  The hashed
application spreads tenants evenly.  Within a tenant, the second field (place, site or campaign; the partition in tables
of events) splits what would be too much for one shard.  Questions always filter by application, and mostly by the
second field, so that mongos queries few shards; each shard groups its own rows, and mongos adds up the groups.

Documents (sites, campaigns, users ...) and user numbers are not sharded: they are small, and their uniqueness relies
on indexes that a sharded collection cannot have.

Run this once against mongos, on an empty or a filled database, and again after an update that adds collections.
Collections that are sharded already are skipped.
"""

import argparse
import json
from collections.abc import Iterator
from typing import Any

from okube_api.store.schema import Schema, Table
from okube_api.store_schema import SCHEMA
from pymongo import MongoClient
from pymongo.errors import OperationFailure

ALREADY_SHARDED = (23, 20)
"""Error codes of databases and collections that are sharded already."""


def shard_key(table: Table) -> dict[str, str | int]:
    """Return the shard key of a table."""
    second = "part" if table.packed or not table.index else table.index[0]
    return {"application": "hashed", second: 1}


def commands(database: str, schema: Schema) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each command with its database.  A filled collection needs an index on its shard key first."""
    yield "admin", {"enableSharding": database}
    for table in schema.tables:
        key = shard_key(table)
        yield database, {"createIndexes": table.name, "indexes": [{"key": key, "name": "shard"}]}
        yield "admin", {"shardCollection": f"{database}.{table.name}", "key": key}


def main() -> None:
    """Run the commands, or print them with --dry-run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="mongodb://mongos-host/database, as in OKUBE_STORE_URL")
    parser.add_argument("--dry-run", action="store_true", help="print the commands without running them")
    options = parser.parse_args()
    with MongoClient[dict[str, Any]](options.url, w="majority") as client:
        for database, command in commands(client.get_default_database().name, SCHEMA):
            print(f"{database}: {json.dumps(command)}")
            if options.dry_run:
                continue
            try:
                client[database].command(command)
            except OperationFailure as error:
                if error.code not in ALREADY_SHARDED:
                    raise
                print("  already sharded")


if __name__ == "__main__":
    main()
