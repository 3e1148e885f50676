"""Measures the ingest of generated events into a new MongoDB database, and compares it with plain inserts.

The plain inserts write the same documents into empty collections with the same indexes, by insert_many of 5,000
documents.  The database must not exist; it is removed at the end.
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
_INSERT_SIZE = 5000
_TIME = "strftime(timestamp '2026-01-01' + to_seconds(t::bigint), '%Y-%m-%dT%H:%M:%SZ')"
_USER = "'user-' || (1500000 * random() * random())::int"
EVENTS = {
    # of twelve pings, five are in a row at a site, the others anywhere
    "pings": f"""
        WITH visits AS (SELECT i, {_USER} AS visitor, i * 7919 % {SITES} AS site, random() * {DAYS} * 86400 AS start_s
                        FROM range($count // 12) visit(i)),
             at_site AS (SELECT visitor, start_s + k * 150 AS t, lng + (random() - 0.5) * 0.0012 AS lng,
                              lat + (random() - 0.5) * 0.0008 AS lat
                       FROM visits JOIN sites ON site = number, range(5) step(k)),
             elsewhere AS (SELECT {_USER} AS visitor, random() * {DAYS} * 86400 AS t, random() * 8 - 1 AS lng,
                                  43 + random() * 7 AS lat
                           FROM range($count - 5 * ($count // 12)))
        SELECT visitor AS "user", {_TIME} AS "at", round(lng, 6) AS lng, round(lat, 6) AS lat
        FROM (FROM at_site UNION ALL FROM elsewhere) ORDER BY t""",
    # six in a row at a site, from one or two of its equipments
    "detections": f"""
        WITH visits AS (SELECT i, {_USER} AS visitor, i * 7919 % {SITES} AS site, random() * {DAYS} * 86400 AS start_s
                        FROM range($count // 6) visit(i))
        SELECT visitor AS device, 'e-' || (site * {EQUIPMENTS} + k // 3) AS equipment, {_TIME} AS "at"
        FROM (SELECT visitor, site, k, start_s + k * 120 AS t FROM visits, range(6) step(k)) ORDER BY t""",
}


def write_events(kind: str, count: int, path: Path, coordinates: np.ndarray[Any, Any]) -> None:
    """Write a file of events at these sites."""
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE sites (number INTEGER, lng DOUBLE, lat DOUBLE)")
        rows = [(number, lng, lat) for number, (lng, lat) in enumerate(coordinates.tolist())]
        connection.executemany("INSERT INTO sites VALUES (?, ?, ?)", rows)
        query = EVENTS[kind].replace("$count", str(count))
        connection.execute(f"COPY ({query}) TO '{path}' (FORMAT json)")


async def create_application(services: Services, coordinates: np.ndarray[Any, Any]) -> Application:
    """Create an application with sites and their equipments."""
    application = Application.from_document(await services.applications.create({"key": "big", "name": "Big"}))
    for number, point in enumerate(coordinates.tolist()):
        fields = {"key": f"s-{number}", "name": f"{number}", "coordinates": point}
        site = await services.sites.create(application, fields)
        for equipment in range(number * EQUIPMENTS, (number + 1) * EQUIPMENTS):
            fields = {"key": f"e-{equipment}", "name": f"{equipment}", "site": site["_id"]}
            await services.equipments.create(application, fields)
    return application


async def time_ingest(settings: Settings, kind: str, count: int) -> float:
    """Ingest generated events and return the seconds until they are visible."""
    coordinates = np.random.default_rng(3).uniform((-1, 43), (7, 50), (SITES, 2)).round(5)
    with TemporaryDirectory() as directory:
        path = Path(directory) / f"{kind}.ndjson"
        write_events(kind, count, path, coordinates)
        async with open_services(settings) as services:
            application = await create_application(services, coordinates)
            started = time.perf_counter()
            await services.ingest.ingest_file(application, kind, path)
            return time.perf_counter() - started


def time_plain_inserts(url: str, database: str) -> tuple[int, float]:
    """Insert the stored rows again, without the ingest; return the number of documents and the seconds."""
    documents, total_s = 0, 0.0
    with MongoClient[dict[str, Any]](url) as client:
        source, target = client[database], client[f"{database}_plain"]
        for name in (table.name for table in SCHEMA.tables):
            rows = list(source[name].find({}))
            if not rows:
                continue
            for index in source[name].list_indexes():
                options = {option: index[option] for option in ("name", "partialFilterExpression") if option in index}
                target[name].create_index(list(index["key"].items()), **options)
            started = time.perf_counter()
            for at in range(0, len(rows), _INSERT_SIZE):
                target[name].insert_many(rows[at : at + _INSERT_SIZE], ordered=False)
            total_s += time.perf_counter() - started
            documents += len(rows)
        client.drop_database(target.name)
    return documents, total_s


def main() -> None:
    """Measure and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="mongodb://host/database, the name of a database that does not exist")
    parser.add_argument("--kind", choices=sorted(EVENTS), default="pings")
    parser.add_argument("--events", type=int, default=500_000)
    options = parser.parse_args()
    with MongoClient[dict[str, Any]](options.url) as client:
        database: str = client.get_default_database().name
        if database in client.list_database_names():
            parser.error(f"the database {database} exists already; choose another name")
        try:
            settings = Settings(store_url=options.url, secret_key="0" * 32)
            ingest_s = asyncio.run(time_ingest(settings, options.kind, options.events))
            documents, inserts_s = time_plain_inserts(options.url, database)
        finally:
            client.drop_database(database)
    rate = options.events / ingest_s
    print(f"{options.events:,} {options.kind}: {ingest_s:.1f} s from file to visible, {rate:,.0f}/s")
    print(f"{documents:,} documents by plain inserts: {inserts_s:.1f} s, {documents / inserts_s:,.0f}/s")
    print(f"the ingest takes {ingest_s / inserts_s:.2f} times as long")


if __name__ == "__main__":
    main()
