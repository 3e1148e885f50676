"""Geometries of IRIS areas: ingested in every format, and answered."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.api.server import Json, Tenant

pytestmark = pytest.mark.anyio

RING = [[4.83, 45.75], [4.84, 45.75], [4.84, 45.76], [4.83, 45.75]]
POLYGON: Json = {"type": "Polygon", "coordinates": [RING]}
WKT = "POLYGON ((4.83 45.75, 4.84 45.75, 4.84 45.76, 4.83 45.75))"
TWO: Json = {"type": "MultiPolygon", "coordinates": [[RING], [[[lng + 1, lat] for lng, lat in RING]]]}
TWO_WKT = (
    "MULTIPOLYGON (((4.83 45.75, 4.84 45.75, 4.84 45.76, 4.83 45.75)), "
    "((5.83 45.75, 5.84 45.75, 5.84 45.76, 5.83 45.75)))"
)
CROSSED = "POLYGON ((4 45, 4.02 45.02, 4.02 45, 4 45.02, 4 45))"


def build_area(code: str, **fields: Any) -> Json:
    return {"code": code, "name": code, "lng": 4.83, "lat": 45.75, **fields}


def to_ndjson(areas: Sequence[Json]) -> bytes:
    return b"".join(json.dumps(area).encode() + b"\n" for area in areas)


def to_csv(areas: Sequence[Json]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, ["code", "name", "lng", "lat", "geometry"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(areas)
    return text.getvalue().encode()


def to_parquet(areas: Sequence[Json]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(areas)), sink)
    return sink.getvalue()


Encode = Callable[[Sequence[Json]], bytes]
MEDIA: dict[Encode, str] = {
    to_ndjson: "application/x-ndjson",
    to_csv: "text/csv",
    to_parquet: "application/vnd.apache.parquet",
}


async def send_areas(tenant: Tenant, areas: Sequence[Json], encode: Encode) -> Json:
    """Ingest areas and return the batch."""
    response: httpx.Response = await tenant.editor.post(
        f"{tenant.url}/ingest/areas", content=encode(areas), headers={"Content-Type": MEDIA[encode]}
    )
    assert response.status_code == 201, response.text
    batch: Json = response.json()
    return batch


async def list_geometries(tenant: Tenant) -> dict[str, Json]:
    documents = (await tenant.reader.get(f"{tenant.url}/areas")).json()["documents"]
    return {area["code"]: area["geometry"] for area in documents}


@pytest.mark.parametrize(
    ("encode", "polygon", "two"),
    [
        (to_ndjson, POLYGON, {"type": "Feature", "properties": {}, "geometry": TWO}),
        (to_ndjson, WKT, TWO_WKT),
        (to_csv, WKT, json.dumps(TWO)),
        (to_parquet, f"SRID=4326;{WKT}", TWO_WKT),
    ],
)
async def test_geometries_are_answered(tenant: Tenant, encode: Encode, polygon: Any, two: Any) -> None:
    areas = [
        build_area("693820101", geometry=polygon),
        build_area("693820102", geometry=two),
        build_area("693820103", geometry=None),
    ]
    batch = await send_areas(tenant, areas, encode)
    assert (batch["accepted"], batch["rejected"]) == (3, 0)
    assert await list_geometries(tenant) == {"693820101": POLYGON, "693820102": TWO, "693820103": {}}
    again = await send_areas(tenant, areas, encode)
    assert (again["accepted"], again["duplicate"]) == (0, 3)


@pytest.mark.parametrize("encode", MEDIA)
async def test_geometries_that_cannot_be_are_rejected_without_their_values(tenant: Tenant, encode: Encode) -> None:
    areas = [
        build_area("693820101", geometry=CROSSED),
        build_area("693820102", geometry="POINT (4 45)"),
        build_area("693820103", geometry=WKT),
    ]
    batch = await send_areas(tenant, areas, encode)
    assert (batch["accepted"], batch["rejected"]) == (1, 2)
    first, second = (reason["reason"] for reason in batch["reasons"])
    assert first.startswith("'geometry': Rings must be closed")
    assert second == "'geometry': Use a Polygon or a MultiPolygon, as WKT or GeoJSON."
    assert await list_geometries(tenant) == {"693820103": POLYGON}


async def test_area_that_is_sent_without_its_geometry_has_none(tenant: Tenant) -> None:
    await send_areas(tenant, [build_area("693820101", geometry=POLYGON)], to_ndjson)
    await send_areas(tenant, [build_area("693820101", name="New")], to_ndjson)
    assert await list_geometries(tenant) == {"693820101": {}}
