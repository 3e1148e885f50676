"""Run the schemathesis command with all its checks against the demonstration, in a process and folder of its own.

Run it with `make schemathesis`; `CASES` and `SEED` repeat or extend a run, arguments are those of the command.  All its
checks are enabled; `schemathesis.toml` says which refusals are right.  Three of four path parameters, and some
references in bodies and queries, name resources of the demonstration.  At the end it prints the numbers of cases,
failures and answers of 5xx, and the largest memory of the server.  The status is 0 without any failure.
"""

import json
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from time import monotonic, sleep

import httpx
from okube_api.settings import Settings

ROOT = Path(__file__).parents[2]
NAMES = "OKUBE_SCHEMATHESIS_NAMES"  # variable with the ids and keys of the resources, for `schemathesis_hooks`
EXCLUDED = ("/auth/logout", "/auth/password")
"""Paths that would end the run's own access."""
LISTS = {
    "batch": "ingest",
    "campaign": "campaigns",
    "lever": "levers",
    "poi": "pois",
    "site": "sites",
    "study": "studies",
    "user": "users",
    "view": "views",
}
"""Lists of an application whose resources are named, by path parameter."""
NAMES_OF_A_KIND = 5
START_TIMEOUT_S = 600


def _start_demo(folder: str, port: int, password: str) -> subprocess.Popen[bytes]:
    """Start the demonstration; return its process when it answers."""
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("okube-api")), "demo", "--port", str(port), "--folder", folder],
        env={**os.environ, "OKUBE_DEMO_PASSWORD": password},
        stdout=subprocess.DEVNULL,
    )
    deadline = monotonic() + START_TIMEOUT_S
    while monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/health/ready").is_success:
                return process
        except httpx.TransportError:
            pass
        sleep(0.5)
    process.kill()
    raise RuntimeError("The demonstration did not start.")


def _list_names(client: httpx.Client) -> dict[str, list[str]]:
    """Return ids and keys of resources, by path parameter."""

    def list_resources(path: str) -> list[str]:
        answer = client.get(path, params={"per_page": NAMES_OF_A_KIND}).raise_for_status().json()
        documents = answer if isinstance(answer, list) else answer["documents"]
        return [
            document[name] for document in documents[:NAMES_OF_A_KIND] for name in ("_id", "key") if document.get(name)
        ]

    names = {"application": list_resources("/applications")}
    for kind, path in LISTS.items():
        names[kind] = list_resources(f"/applications/{names['application'][0]}/{path}")
    names["equipment"] = list_resources(f"/sites/{names['site'][0]}/equipments")
    return names


def _count_cases(report: Path) -> tuple[Counter[int], int]:
    """Return the number of answers by status, 0 for none, and the number of failed checks."""
    statuses: Counter[int] = Counter()
    failures = 0
    with report.open(encoding="utf-8") as lines:
        for line in lines:
            recorder = json.loads(line).get("ScenarioFinished", {}).get("recorder", {})
            for interaction in recorder.get("interactions", {}).values():
                statuses[(interaction.get("response") or {}).get("status_code", 0)] += 1
            for checks in recorder.get("checks", {}).values():
                failures += sum(check["status"] == "failure" for check in checks)
    return statuses, failures


def _read_peak_mb(process: int) -> int:
    peak = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{process}/status").read_text(encoding="ascii"))
    return int(peak[1]) // 1024 if peak else 0


def _build_command(address: str, key: str, cases: int, seed: int) -> list[str]:
    """Return the schemathesis command with its arguments."""
    document = httpx.get(f"{address}/openapi.json", timeout=60).json()
    operations = sum(
        method in {"get", "put", "post", "patch", "delete"} for item in document["paths"].values() for method in item
    )
    examples = max(1, cases // (2 * operations))  # fuzzing sends valid and invalid cases
    print(f"seed {seed}, {examples} examples for each of {operations} operations", flush=True)
    return [
        str(Path(sys.executable).with_name("schemathesis")),
        *("--config-file", str(ROOT / "schemathesis.toml")),
        *("run", f"{address}/openapi.json"),
        *("--header", f"Authorization: Bearer {key}"),
        *("--mode", "all", "--phases", "examples,coverage,fuzzing,stateful"),
        *("--max-examples", str(examples), "--seed", str(seed), "--continue-on-failure"),
        *("--request-timeout", "60"),  # facts of a year are rebuilt within some requests
        *(option for path in EXCLUDED for option in ("--exclude-path", path)),
        *sys.argv[1:],
    ]


def main(cases: int, seed: int) -> int:
    """Run about this many cases; return 0 when none failed."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    password = f"fuzz {random.randbytes(12).hex()}"
    with tempfile.TemporaryDirectory() as folder:
        server = _start_demo(f"{folder}/data", port, password)
        try:
            login = {"login": "demo@okube.example", "password": password}
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
                token = client.post("/auth/login", json=login).raise_for_status().json()["auth"]["token"]
                client.headers["Authorization"] = f"Bearer {token}"
                key = client.post("/auth/keys", json={"name": "schemathesis"}).raise_for_status().json()["token"]
                names = _list_names(client)
            report = Path(folder, "report.ndjson")
            command = _build_command(f"http://127.0.0.1:{port}", key, cases, seed)
            command += ["--report", "ndjson", "--report-ndjson-path", str(report)]
            hooks = {NAMES: json.dumps(names), "SCHEMATHESIS_HOOKS": "tests.api.schemathesis_hooks"}
            status = subprocess.run(command, env={**os.environ, **hooks}, cwd=ROOT, check=False).returncode
            statuses, failures = _count_cases(report)
            peak_mb = _read_peak_mb(server.pid)
        finally:
            server.terminate()
            server.wait(30)
    errors = sum(count for answer, count in statuses.items() if answer >= 500)
    bound_mb = Settings.model_fields["process_memory_mb"].default
    print(
        f"{statuses.total():,} cases, {failures} failures, {errors} answers of 5xx, {statuses[0]} without an answer; "
        f"memory {peak_mb} of {bound_mb} MB"
    )
    return status or int(errors > 0 or peak_mb > bound_mb)


if __name__ == "__main__":
    sys.exit(main(int(os.environ.get("CASES", "20000")), int(os.environ.get("SEED") or random.randrange(10**9))))
