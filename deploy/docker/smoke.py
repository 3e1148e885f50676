"""Start a server of the installed package and use what is compiled in it: `python smoke.py`; status 1 on a failure.

Tables and events in each format, geometries, thumbnails, questions, and answers as CSV, XLSX and Parquet.
"""

import gzip
import io
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
import pyarrow as pa
from backports import zstd
from PIL import Image
from pyarrow import parquet
from xlsxwriter import Workbook

_LOGIN = {"login": "root@okube.example", "password": "correct horse battery"}
_COLUMNS = ["user", "site", "at"]
_OUTLINE = "POLYGON ((4.829 45.759, 4.831 45.759, 4.831 45.761, 4.829 45.761, 4.829 45.759))"
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def main() -> None:
    """Run all steps against a server in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"OKUBE_STORE_URL": f"duckdb:{folder}/okube.duckdb"}
        command = [str(Path(sys.executable).with_name("okube-api")), "serve", "--port", "0"]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as server:
            try:
                _use_server(_read_setup_link(server))
            finally:
                server.terminate()
        assert server.returncode == 0, server.returncode
    print("The server works.")


def _read_setup_link(server: "subprocess.Popen[str]") -> str:
    assert server.stdout is not None
    for line in server.stdout:
        if link := re.search(r"http://\S+#setup=\S+", line):
            return link[0]
    raise AssertionError("The server does not start.")


def _use_server(link: str) -> None:
    address, _, token = link.partition("/login#setup=")
    with httpx.Client(base_url=address, timeout=60) as client:
        application = {"key": "shops", "name": "Shops", "timezone": "Europe/Paris"}
        _send(client, "POST", "/auth/setup", json={"token": token, **_LOGIN, "application": application})
        login = _send(client, "POST", "/auth/login", json=_LOGIN)
        client.headers["Authorization"] = f"Bearer {login.json()['auth']['token']}"
        client.base_url = f"{address}/applications/shops/"
        _import_sites(client)
        _ingest_visits(client)
        _ingest_pings(client)
        _ask(client)
        for path in ("/", "/docs", "/openapi.json"):
            _send(client, "GET", f"{address}{path}", headers={"Accept": "text/html, application/json"})


def _import_sites(client: httpx.Client) -> None:
    columns = ["key", "name", "online", "geometry"]
    for file in (
        _write_xlsx([columns, ["lyon", "Lyon", "false", _OUTLINE]]),
        b"key,name,online\nlille,Lille,false\n",
    ):
        _send(client, "POST", "sites/import", files={"file": file})
    picture = io.BytesIO()
    Image.new("RGB", (300, 200), "red").save(picture, "JPEG")
    site = {"name": (None, "Lyon"), "thumbnail": ("picture.jpg", picture.getvalue())}
    _send(client, "PUT", "sites/lyon", files=site)
    for file_format in ("csv", "xlsx", "parquet", "geojson"):
        assert _send(client, "GET", "sites", params={"format": file_format}).content


def _ingest_visits(client: httpx.Client) -> None:
    """Ingest one visit in each format and compression."""
    visits = [[f"user-{day}", "lyon", f"2024-04-{day:02}T10:00:00Z"] for day in range(1, 8)]
    ndjson = [json.dumps(dict(zip(_COLUMNS, visit, strict=True))).encode() for visit in visits]
    csv = [f"user,site,at\n{','.join(visit)}\n".encode() for visit in visits]
    table = io.BytesIO()
    parquet.write_table(pa.table(dict(zip(_COLUMNS, ([value] for value in visits[5]), strict=True))), table)
    files = [
        (ndjson[0], {"Content-Type": "application/x-ndjson"}),
        (b"[%s]" % ndjson[1], {"Content-Type": "application/json"}),
        (csv[2], {"Content-Type": "text/csv"}),
        (gzip.compress(csv[3]), {"Content-Type": "text/csv", "Content-Encoding": "gzip"}),
        (zstd.compress(csv[4]), {"Content-Type": "text/csv", "Content-Encoding": "zstd"}),
        (table.getvalue(), {"Content-Type": "application/vnd.apache.parquet"}),
        (_write_xlsx([_COLUMNS, visits[6]]), {"Content-Type": _XLSX}),
    ]
    for content, headers in files:
        answer = _send(client, "POST", "ingest/visits", params={"wait": "true"}, content=content, headers=headers)
        assert answer.json()["accepted"] == 1, answer.text


def _ingest_pings(client: httpx.Client) -> None:
    lines = [f"ann,2024-04-10T10:{minute:02}:00Z,4.83,45.76" for minute in range(0, 30, 2)]
    content = "\n".join(["user,at,lng,lat", *lines]).encode()
    headers = {"Content-Type": "text/csv"}
    _send(client, "POST", "ingest/pings", params={"wait": "true"}, content=content, headers=headers)


def _ask(client: httpx.Client) -> None:
    question = {"params": [{"kpi": "visits", "granularity": "day"}]}
    period = {"from": "2024-04-01", "to": "2024-04-30"}
    answer = _send(client, "POST", "performance/analytics", params=period, json=question)
    assert answer.json()[0]["data"]["all"] == 7, answer.text
    for file_format in ("csv", "xlsx", "parquet"):
        assert _send(client, "POST", "performance/analytics", params={"format": file_format}, json=question).content


def _write_xlsx(lines: list[list[str]]) -> bytes:
    content = io.BytesIO()
    with Workbook(content) as workbook:
        sheet = workbook.add_worksheet()
        for row, line in enumerate(lines):
            sheet.write_row(row, 0, line)
    return content.getvalue()


def _send(client: httpx.Client, method: str, path: str, **options: object) -> httpx.Response:
    response = client.request(method, path, **options)  # type: ignore[arg-type]
    assert response.is_success, f"{method} {path}: {response.status_code} {response.text}"
    return response


if __name__ == "__main__":
    main()
