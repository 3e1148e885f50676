"""Measures ingest on MongoDB: made-up events into a new database, and beside it what the server can insert at all.

The floor is a plain insert_many, 5,000 documents at a time, of the very documents that the ingest wrote, into empty
collections with the same indexes.  The database must not exist; it is removed at the end.
"""

import argparse
import asyncio
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import numpy as np
from okube_api.api.container import Services
from okube_api.cli.runtime import open_services
from okube_api.kit.application import Application
from okube_api.settings import Settings
from okube_api.store_schema import SCHEMA
from pymongo import MongoClient

SITES, EQUIPMENTS = 500, 4
DAYS, USERS = 90, 1_500_000
_AT_ONCE = 5000
_TIME = "strftime(timestamp '2026-01-01' + to_seconds(t::bigint), '%Y-%m-%dT%H:%M:%SZ')"
_USER = "'user-' || (1500000 * random() * random())::int"
EVENTS = {
    # of twelve pings, five in a row at a site, the others anywhere
    "pings": f"""
        WITH visits AS (SELECT i, {_USER} AS who, i * 7919 % {SITES} AS site, random() * {DAYS} * 86400 AS begun
                        FROM range($many // 12) one(i)),
             there AS (SELECT who, begun + k * 150 AS t, lng + (random() - 0.5) * 0.0012 AS lng,
                              lat + (random() - 0.5) * 0.0008 AS lat
                       FROM visits JOIN sites ON site = number, range(5) again(k)),
             elsewhere AS (SELECT {_USER} AS who, random() * {DAYS} * 86400 AS t, random() * 8 - 1 AS lng,
                                  43 + random() * 7 AS lat
                           FROM range($many - 5 * ($many // 12)))
        SELECT who AS "user", {_TIME} AS "at", round(lng, 6) AS lng, round(lat, 6) AS lat
        FROM (FROM there UNION ALL FROM elsewhere) ORDER BY t""",
    # six in a row at a site, by one or two of its equipments
    "detections": f"""
        WITH visits AS (SELECT i, {_USER} AS who, i * 7919 % {SITES} AS site, random() * {DAYS} * 86400 AS begun
                        FROM range($many // 6) one(i))
        SELECT who AS device, 'e-' || (site * {EQUIPMENTS} + k // 3) AS equipment, {_TIME} AS "at"
        FROM (SELECT who, site, k, begun + k * 120 AS t FROM visits, range(6) again(k)) ORDER BY t""",
}


def make(kind: str, many: int, path: Path, where: np.ndarray[Any, Any]) -> None:
    """Writes a file of events at these sites."""
    with duckdb.connect() as made:
        made.execute("CREATE TABLE sites (number INTEGER, lng DOUBLE, lat DOUBLE)")
        made.executemany("INSERT INTO sites VALUES (?, ?, ?)", [(at, *one) for at, one in enumerate(where.tolist())])
        query = EVENTS[kind].replace("$many", str(many))
        made.execute(f"COPY ({query}) TO '{path}' (FORMAT json)")


async def place(services: Services, where: np.ndarray[Any, Any]) -> Application:
    """An application with sites and their equipments."""
    made = Application.from_document(await services.applications.create({"key": "big", "name": "Big"}))
    for at, coordinates in enumerate(where.tolist()):
        site = await services.sites.create(made, {"key": f"s-{at}", "name": f"{at}", "coordinates": coordinates})
        for one in range(at * EQUIPMENTS, (at + 1) * EQUIPMENTS):
            await services.equipments.create(made, {"key": f"e-{one}", "name": f"{one}", "site": site["_id"]})
    return made


async def ingest(settings: Settings, kind: str, many: int) -> float:
    """How many seconds it takes until the events are visible."""
    where = np.random.default_rng(3).uniform((-1, 43), (7, 50), (SITES, 2)).round(5)
    with TemporaryDirectory() as directory:
        path = Path(directory) / f"{kind}.ndjson"
        make(kind, many, path, where)
        async with open_services(settings) as services:
            application = await place(services, where)
            begun = time.perf_counter()
            await services.ingest.ingest_file(application, kind, path)
            return time.perf_counter() - begun


def insert(url: str, database: str) -> tuple[int, float]:
    """How many documents of rows there are, and how many seconds a plain insert of them takes."""
    documents, seconds = 0, 0.0
    with MongoClient[dict[str, Any]](url) as client:
        here, there = client[database], client[f"{database}_floor"]
        for name in (table.name for table in SCHEMA.tables):
            rows = list(here[name].find({}))
            if not rows:
                continue
            for index in here[name].list_indexes():
                there[name].create_index(list(index["key"].items()), name=index["name"])
            begun = time.perf_counter()
            for at in range(0, len(rows), _AT_ONCE):
                there[name].insert_many(rows[at : at + _AT_ONCE], ordered=False)
            seconds += time.perf_counter() - begun
            documents += len(rows)
        client.drop_database(there.name)
    return documents, seconds


def main() -> None:
    """Measures, and says what came out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="mongodb://host/database, the name of a database that does not exist")
    parser.add_argument("--kind", choices=sorted(EVENTS), default="pings")
    parser.add_argument("--events", type=int, default=500_000)
    chosen = parser.parse_args()
    with MongoClient[dict[str, Any]](chosen.url) as client:
        database: str = client.get_default_database().name
        if database in client.list_database_names():
            parser.error(f"the database {database} is there already")
        try:
            settings = Settings(store_url=chosen.url, secret_key="0" * 32)
            seconds = asyncio.run(ingest(settings, chosen.kind, chosen.events))
            documents, floor = insert(chosen.url, database)
        finally:
            client.drop_database(database)
    print(f"{chosen.events:,} {chosen.kind}: {seconds:.1f} s from file to visible, {chosen.events / seconds:,.0f}/s")
    print(f"{documents:,} documents inserted plainly: {floor:.1f} s, {documents / floor:,.0f}/s")
    print(f"the ingest takes {seconds / floor:.2f} times as long")


if __name__ == "__main__":
    main()
