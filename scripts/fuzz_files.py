"""Send damaged files of every format to a server of its own, and print how it answered and how much memory it took.

    .venv/bin/python -m scripts.fuzz_files                 # 1,000 files of each format, 3 to 5 minutes
    .venv/bin/python -m scripts.fuzz_files --files 100 --seed 7

The status is 1 when a file was answered with 5xx or not at all, when the server took more memory than `--memory`, or
when it does not answer at the end.  A file at fault is kept as `fuzz-FORMAT-NUMBER.bin` in the folder `--keep`.
"""

import argparse
import gzip
import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from io import BytesIO
from pathlib import Path
from random import Random
from time import perf_counter

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from okube_api.bench.local_server import run_local_server

JSON = {"Content-Type": "application/json"}
BOUNDARY = "fuzz"
TIMEOUT_S = 120
NASTY = (b"\0", b"\xff", b'"', b"\n", b"[" * 3000, b"9" * 5000, b"1e400", b"-0", b"\\ud800", b"\xef\xbb\xbf", b",;|\t")


@dataclass(frozen=True)
class Format:
    """A format of files.

    path: where files of the format are sent; headers: with which; samples: valid files.
    compress: compresses a file after it was changed, every second time.
    """

    path: str
    headers: dict[str, str]
    samples: list[bytes]
    compress: Callable[[bytes], bytes] | None = None
    is_table: bool = False


# -- files -----------------------------------------------------------------------------------------------------------


def build_events(count: int) -> list[dict[str, object]]:
    """Return valid pings."""
    return [
        {"user": f"user-{index % 7}", "at": f"2024-03-28T10:25:{index % 60:02}Z", "lng": 4.8 + index / 1e4, "lat": 45.7}
        for index in range(count)
    ]


def build_formats() -> dict[str, Format]:
    """Return every format with valid files."""
    events = build_events(60)
    lines = "".join(f"{json.dumps(event)}\n" for event in events).encode()
    cells = "\n".join(",".join(map(str, event.values())) for event in events)
    table = pa.Table.from_pylist(events)
    instants = table.set_column(1, "at", pa.array(range(1_711_621_515, 1_711_621_575), pa.timestamp("s", "UTC")))
    sites = "key,name,tags,address.city\n" + "".join(f's{index},"Site {index}",a|b,Lyon\n' for index in range(40))
    ingest = "/applications/fuzz/ingest/pings"
    ndjson = {"Content-Type": "application/x-ndjson"}
    return {
        "ndjson": Format(ingest, ndjson, [lines]),
        "csv": Format(ingest, {"Content-Type": "text/csv"}, [f"user,at,lng,lat\n{cells}\n".encode()]),
        "json": Format(ingest, JSON, [json.dumps(events).encode(), json.dumps(events, indent=2).encode()]),
        "parquet": Format(
            ingest,
            {"Content-Type": "application/vnd.apache.parquet"},
            [
                write_parquet(table),
                write_parquet(instants, compression="zstd", data_page_version="2.0", row_group_size=16),
                write_parquet(table, compression="none", use_dictionary=False, write_page_index=True),
                write_parquet(table, use_dictionary=False, column_encoding={"user": "DELTA_BYTE_ARRAY"}),
            ],
        ),
        "gz": Format(
            ingest,
            ndjson | {"Content-Encoding": "gzip"},
            [gzip.compress(lines), gzip.compress(lines, 0)],
            gzip.compress,
        ),
        "zst": Format(ingest, ndjson | {"Content-Encoding": "zstd"}, [zstandard.compress(lines)], zstandard.compress),
        "table": Format(
            "/applications/fuzz/sites/import",
            {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"},
            [sites.encode()],
            is_table=True,
        ),
    }


def build_bombs() -> dict[str, tuple[str, bytes]]:
    """Return the format and the bytes of small files that become very large."""
    times = pa.array(["2024-03-28T10:25:15Z"] * 20_000)
    numbers = pa.array([1.0] * 20_000)
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), pa.array(["x" * 46_000]))
    table = pa.table({"user": text, "at": times, "lng": numbers, "lat": numbers})
    dense = table.set_column(0, "user", table["user"].combine_chunks().dictionary_decode())
    delta: dict[str, object] = {"use_dictionary": False, "column_encoding": {"user": "DELTA_BYTE_ARRAY"}}
    gigabyte = zstandard.ZstdCompressor().compressobj()
    return {
        "1 GB of zeros, zstd": (
            "zst",
            b"".join(gigabyte.compress(bytes(2**20)) for _ in range(1024)) + gigabyte.flush(),
        ),
        "512 MB of zeros, gzip": ("gz", gzip.compress(bytes(2**29), 6)),
        "16 million empty lines, gzip": ("gz", gzip.compress(b"\n" * 2**24, 6)),
        "1 million invalid lines, gzip": ("gz", gzip.compress(b"1\n" * 2**20, 6)),
        "a text of a dictionary": ("parquet", write_parquet(table, compression="zstd", store_schema=False)),
        "a text of a dictionary, pandas": ("parquet", write_parquet(table, compression="zstd")),
        "texts that repeat each other": ("parquet", write_parquet(dense, compression="zstd", **delta)),
    }


def write_parquet(table: pa.Table, **options: object) -> bytes:
    """Return a Parquet file."""
    file = BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


def build_file(file_format: Format, random: Random) -> bytes:
    """Return a changed file of a format, or the compressed form of a changed file."""
    sample = random.choice(file_format.samples)
    if file_format.compress is None or random.randrange(2):
        return mutate(sample, random)
    plain = gzip.decompress(sample) if sample.startswith(b"\x1f\x8b") else zstandard.decompress(sample)
    return file_format.compress(mutate(plain, random))


def mutate(data: bytes, random: Random) -> bytes:
    """Return a file with one to four changes: bits, bytes, blocks, lengths, ends."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 4))):
        at = random.randrange(len(changed) or 1)
        size = random.choice((1, 2, 8, 64, 1024))
        match random.randrange(8):
            case 0:  # a bit
                changed[at : at + 1] = bytes(byte ^ 1 << random.randrange(8) for byte in changed[at : at + 1])
            case 1:  # a byte, often the largest of a variable length
                changed[at : at + 1] = random.choice((b"\0", b"\x7f", b"\x80", b"\xff"))
            case 2:  # a length of 32 bits
                changed[at : at + 4] = random.choice((2**31 - 1, 2**32 - 1, 2**24, 0)).to_bytes(4, "little")
            case 3:  # a length of variable size
                changed[at : at + 1] = b"\xff\xff\xff\xff\x0f"
            case 4:  # a block that is repeated
                block = changed[at : at + size]
                changed[at:at] = block * random.choice((1, 3, 100))
            case 5:  # a block that is missing
                del changed[at : at + size]
            case 6:  # the end of the file
                del changed[at:]
            case _:  # something that parsers stumble over
                changed[at:at] = random.choice(NASTY)
    return bytes(changed)


# -- the server ------------------------------------------------------------------------------------------------------


def read_peak_mb(process: int) -> int:
    """Return the largest memory of a process so far, in MB; 0 when it has ended."""
    try:
        text = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    except FileNotFoundError:
        return 0
    peak = re.search(r"VmHWM:\s+(\d+)", text)
    return int(peak[1]) // 1024 if peak else 0


def send(port: int, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    """Send a request; return the status and the body of the answer, or 0 without an answer."""
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, HTTPException):
        return 0, b""
    finally:
        connection.close()


def prepare(port: int, token: str) -> dict[str, str]:
    """Create an application and return the header of an administrator's requests."""
    authorization = {"Authorization": f"Bearer {token}"}
    application = json.dumps({"key": "fuzz", "name": "Fuzz", "timezone": "UTC"}).encode()
    status, answer = send(port, "POST", "/applications", application, JSON | authorization)
    assert status == 201, answer
    return authorization


def build_body(file_format: Format, data: bytes) -> bytes:
    """Return the body of a request with a file."""
    if not file_format.is_table:
        return data
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="t.csv"\r\n\r\n'
    return head.encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()


def send_file(
    port: int, file_format: Format, data: bytes, authorization: dict[str, str], query: str
) -> tuple[int, bytes]:
    """Send a file; return the status and the body of the answer."""
    path, body = f"{file_format.path}?{query}", build_body(file_format, data)
    return send(port, "POST", path, body, authorization | file_format.headers)


def check_samples(port: int, name: str, file_format: Format, authorization: dict[str, str]) -> None:
    """Raise AssertionError when a file that was not changed is refused."""
    for sample in file_format.samples:
        status, answer = send_file(
            port, file_format, sample, authorization, "partial=0" if file_format.is_table else "atomic=1"
        )
        assert status in (200, 201), (name, answer)


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1000, help="files of each format")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--memory", type=int, default=600, help="largest memory of the server, in MB")
    parser.add_argument("--keep", type=Path, default=Path("build"), help="folder for files at fault")
    arguments = parser.parse_args()
    failures = 0
    with tempfile.TemporaryDirectory() as folder, run_local_server(Path(folder)) as server:
        port, process = server.port, server.process
        authorization = prepare(port, server.token)
        print(f"memory before: {read_peak_mb(process)} MB")
        for name, file_format in build_formats().items():
            started = perf_counter()
            slowest_s = 0.0
            statuses: Counter[int] = Counter()
            check_samples(port, name, file_format, authorization)
            for number in range(arguments.files):
                random = Random(f"{arguments.seed} {name} {number}")
                data = build_file(file_format, random)
                sent_at = perf_counter()
                # Publishing takes most of the time, so most files with invalid lines are refused as a whole.
                query = f"atomic={random.choice('1111110')}"
                if file_format.is_table:
                    query = f"partial={random.choice('10')}"
                status, _ = send_file(port, file_format, data, authorization, query)
                slowest_s = max(slowest_s, perf_counter() - sent_at)
                statuses[status] += 1
                if status == 0 or status >= 500:
                    failures += 1
                    arguments.keep.mkdir(parents=True, exist_ok=True)
                    (arguments.keep / f"fuzz-{name}-{number}.bin").write_bytes(data)
            counts = ", ".join(f"{count} x {status}" for status, count in sorted(statuses.items()))
            print(
                f"{name:8} {counts}; {perf_counter() - started:.0f} s, the slowest {slowest_s:.2f} s, "
                f"memory {read_peak_mb(process)} MB",
                flush=True,
            )
        formats = build_formats()
        for name, (format_name, data) in build_bombs().items():
            started = perf_counter()
            status, _ = send_file(port, formats[format_name], data, authorization, "atomic=1")
            failures += status == 0 or status >= 500
            print(
                f"{name}, {len(data) // 1000} KB: {status}; {perf_counter() - started:.1f} s, "
                f"memory {read_peak_mb(process)} MB",
                flush=True,
            )
        alive, _ = send(port, "GET", "/health/ready", b"", {})
        peak = read_peak_mb(process)
        print(f"at the end: /health/ready {alive}, memory {peak} MB, {failures} failures")
        return int(failures > 0 or alive != 200 or not 0 < peak <= arguments.memory)


if __name__ == "__main__":
    sys.exit(main())
