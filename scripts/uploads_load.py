"""Send large files in parallel to a server of its own, format by format, and measure the memory of the server.

    .venv/bin/python -m scripts.uploads_load                      # 8 x 200 MB of each format: an hour on two cores
    .venv/bin/python -m scripts.uploads_load --megabytes 20 ndjson parquet

The status is 1 when the process took more than its bound, or a file was neither ingested nor answered 503.
"""

import argparse
import gzip
import io
import re
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from okube_api.bench.local_server import LocalServer, run_local_server

MEMORY_MB = 2048
CLIENTS = 8
ROWS_PER_BLOCK = 20_000
NDJSON, CSV, JSON, PARQUET = "application/x-ndjson", "text/csv", "application/json", "application/vnd.apache.parquet"
STAY = '{"user":"u%d","site":"lyon","start":"2025-%02d-%02dT%02d:%02d:00Z","duration_s":%d,"zone":"indoor"}'
ROW = "u%d,lyon,2025-%02d-%02dT%02d:%02d:00Z,%d,indoor"


def draw_values(number: int) -> tuple[int, ...]:
    """Return user, month, day, hour, minute and duration of a stay."""
    return number % 50_021, 1 + number % 12, 1 + number % 28, number % 24, number % 60, 60 + number % 1800


def write_lines(form: str, client: int, size: int, *, first: str = "", between: str = "\n") -> Iterator[bytes]:
    """Yield blocks of lines until they have a size in bytes."""
    sent, number = 0, client * 10_000_000
    yield first.encode()
    while sent < size:
        lines = between.join(form % draw_values(number + row) for row in range(ROWS_PER_BLOCK))
        number += ROWS_PER_BLOCK
        block = (lines if sent == 0 else between + lines).encode()
        sent += len(block)
        yield block


def write_parquet(client: int, size: int) -> Iterator[bytes]:
    """Yield a Parquet file of about a size: random ids keep it from being compressed."""
    out, number = io.BytesIO(), client * 10_000_000
    names = ("id", "user", "site", "start", "duration_s", "zone")
    schema = pa.schema([(name, pa.int64() if name == "duration_s" else pa.string()) for name in names])
    with pq.ParquetWriter(out, schema, compression="none", use_dictionary=False) as writer:
        while out.tell() < size:
            rows = []
            for row in range(ROWS_PER_BLOCK * 5):
                user, month, day, hour, minute, duration_s = draw_values(number + row)
                start = f"2025-{month:02}-{day:02}T{hour:02}:{minute:02}:00Z"
                values = (f"{number + row:x}", f"u{user}", "lyon", start, duration_s, "indoor")
                rows.append(dict(zip(names, values, strict=True)))
            number += len(rows)
            writer.write_table(pa.Table.from_pylist(rows, schema))
    yield out.getvalue()


def write_array(client: int, size: int) -> Iterator[bytes]:
    """Yield a JSON array."""
    yield from write_lines(STAY, client, size, first="[", between=",")
    yield b"]"


def compress(blocks: Iterator[bytes], name: str) -> Iterator[bytes]:
    """Yield blocks compressed, each as a member or frame of its own."""
    for block in blocks:
        yield gzip.compress(block, 1) if name == "gzip" else zstandard.compress(block, 1)


def build_body(name: str, client: int, size: int) -> tuple[dict[str, str], Iterator[bytes]]:
    """Return the headers and body of a file; `ndjson-gzip` and `ndjson-zstd` are compressed."""
    match name.partition("-"):
        case ("csv", _, _):
            header = "user,site,start,duration_s,zone\n"
            return {"Content-Type": CSV}, write_lines(ROW, client, size, first=header)
        case ("json", _, _):
            return {"Content-Type": JSON}, write_array(client, size)
        case ("parquet", _, _):
            return {"Content-Type": PARQUET}, write_parquet(client, size)
        case (_, _, ""):
            return {"Content-Type": NDJSON}, write_lines(STAY, client, size)
        case (_, _, encoding):
            headers = {"Content-Type": NDJSON, "Content-Encoding": encoding}
            return headers, compress(write_lines(STAY, client, size), encoding)


FORMATS = ("ndjson", "csv", "json", "parquet", "ndjson-gzip", "ndjson-zstd")


def read_memory_mb(process: int, field: str) -> int:
    """Return a field of the memory of a process, such as `VmHWM`, in MB."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(re.search(rf"{field}:\s+(\d+)", status)[1]) // 1024  # type: ignore[index]


def send_file(server: LocalServer, name: str, client_number: int, size: int) -> str:
    """Send a file to an application of its own; return the status of the answer."""
    headers, body = build_body(name, client_number, size)
    if name == "parquet":  # it is written as a whole, which takes longer than the server waits for a body
        body = iter(list(body))
    headers["Authorization"] = f"Bearer {server.token}"
    url = f"http://127.0.0.1:{server.port}/applications/app{client_number}/ingest/stays"
    try:
        return str(httpx.post(url, content=body, headers=headers, timeout=7200).status_code)
    except httpx.TransportError as error:  # an answer before the end of the body closes the connection
        return type(error).__name__


def measure(server: LocalServer, name: str, size: int) -> bool:
    """Send the files of a format, print a line, and return whether all went well."""
    peaks_mb = [0]
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(0.05):
            peaks_mb[0] = max(peaks_mb[0], read_memory_mb(server.process, "VmRSS"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    started_s = time.monotonic()
    with ThreadPoolExecutor(CLIENTS) as pool:
        futures = [pool.submit(send_file, server, name, number, size) for number in range(CLIENTS)]
        answers = Counter(future.result() for future in futures)
    is_over.set()
    watcher.join()
    seconds = time.monotonic() - started_s
    print(f"{name:<12} {dict(answers)!s:<24} {seconds:>7.0f} s  {peaks_mb[0]:>5} MB", flush=True)
    return peaks_mb[0] <= MEMORY_MB and set(answers) <= {"201", "503"}


def main() -> None:
    """Measure the formats of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("formats", nargs="*", choices=[[], *FORMATS], help="all by default")
    parser.add_argument("--megabytes", type=int, default=200, help="size of each file")
    arguments = parser.parse_args()
    is_good = True
    settings = {"OKUBE_PROCESS_MEMORY_MB": str(MEMORY_MB)}
    with tempfile.TemporaryDirectory() as folder, run_local_server(Path(folder), settings) as server:
        headers = {"Authorization": f"Bearer {server.token}"}
        with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", headers=headers, timeout=60) as client:
            for number in range(CLIENTS):
                client.post("/applications", json={"key": f"app{number}"}).raise_for_status()
                site = {"key": "lyon", "name": "Lyon", "online": True}
                client.post(f"/applications/app{number}/sites", json=site).raise_for_status()
        print(f"{'format':<12} {'answers':<24} {'time':>9}  memory (bound {MEMORY_MB} MB)")
        for name in arguments.formats or FORMATS:
            is_good = measure(server, name, arguments.megabytes * 10**6) and is_good
    sys.exit(not is_good)


if __name__ == "__main__":
    main()
