r"""Fill a store with an earlier version, kill its server, and start the current version on it: answers must be equal.

    git worktree add /tmp/earlier 0616bc8
    .venv/bin/python scripts/check_upgrade.py /tmp/earlier
    .venv/bin/python scripts/check_upgrade.py /tmp/earlier --mongodb mongodb://127.0.0.1:27017/

The earlier version runs with the packages of this one.  The store holds the two applications of the demo with their
events, pings without a place, an editor and an API key.  Every KPI of every module is asked, with and without uplift.
The status is 1 when an answer differs.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from pymongo import MongoClient

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # the free port is a helper of the tests

from tests.processes import find_free_port  # noqa: E402

LOGIN, PASSWORD = "upgrade@okube.example", "a long password of this script"
EDITOR, COMMON_PASSWORD = "editor@okube.example", "password1234"  # a password that is refused today
APPLICATIONS = ("maison-lumen", "petit-quai")
LISTS = ("sites", "pois", "campaigns", "studies", "levers", "areas", "ingest")
MODULES = {
    "geo-marketing": "studies/all/geo-marketing/analytics",
    "conversion": "conversions/levers/analytics",
    "presence": "presence/analytics",
}
FILL = """
import asyncio, sys
from datetime import date
from okube_api.auth.secret import load_secret_key
from okube_api.cli.fill_demo import build_demo_services
from okube_api.cli.runtime import build_store
from okube_api.demo.fill import fill_applications
from okube_api.settings import Settings

async def fill():
    settings = Settings()
    store = build_store(settings)
    await store.start()
    services = build_demo_services(store, load_secret_key(settings), memory_limit="256MB", threads=2)
    await fill_applications(services, date(2025, 12, 31), scale=float(sys.argv[1]))
    await store.close()

asyncio.run(fill())
"""
"""Fills the demo with the internals of the earlier version."""
PING_HOURS = (8, 9, 12, 13, 19)
Answers = dict[str, Any]


def build_environment(checkout: Path, url: str) -> dict[str, str]:
    """Return the environment of processes that run the code of a checkout."""
    environment = {**os.environ, "PYTHONPATH": str(checkout), "OKUBE_STORE_URL": url, "OKUBE_LOG_LEVEL": "warning"}
    if url.startswith("mongodb"):  # the embedded store has a secret file of its own
        environment["OKUBE_SECRET_KEY"] = "a secret of at least thirty-two bytes"
    return environment


def run_python(environment: dict[str, str], *arguments: str) -> None:
    """Run Python on the code of an environment, with the password as its standard input."""
    command = [sys.executable, *arguments]
    subprocess.run(
        command, env=environment, input=f"{PASSWORD}\n", text=True, check=True, cwd=environment["PYTHONPATH"]
    )


@contextmanager
def run_server(environment: dict[str, str]) -> Iterator[httpx.Client]:
    """Run a server; yield a client that is logged in as the platform administrator.  Kill the server at the end."""
    port = find_free_port()
    command = [sys.executable, "-m", "okube_api.cli", "serve", "--port", str(port)]
    folder = environment["PYTHONPATH"]
    with subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.DEVNULL) as process:
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
                while not is_ready(client):
                    if process.poll() is not None:
                        sys.exit(f"The server of {folder} does not start.")
                    time.sleep(0.05)
                client.headers.update(log_in(client, LOGIN))
                yield client
        finally:
            process.kill()


def is_ready(client: httpx.Client) -> bool:
    """Tell whether the server answers."""
    try:
        return client.get("/health/ready").status_code == 200
    except httpx.TransportError:
        return False


def log_in(client: httpx.Client, login: str, password: str = PASSWORD) -> dict[str, str]:
    """Return headers with a token of a login."""
    answer = client.post("/auth/login", json={"login": login, "password": password}).raise_for_status()
    return {"Authorization": f"Bearer {answer.json()['auth']['token']}"}


# -- the earlier version ----------------------------------------------------------------------------------------------


def ingest_pings(client: httpx.Client) -> None:
    """Ingest pings of twenty users around each site: rows of three minutes, with silences of up to two hours."""
    for key in APPLICATIONS:
        sites = client.get(f"/applications/{key}/sites?per_page=100").raise_for_status().json()["documents"]
        places = [site["coordinates"] for site in sites if site.get("coordinates")]
        pings = [
            {
                "user": f"walker-{number}",
                "at": f"2025-12-{day:02}T{hour:02}:{minute:02}:00Z",
                "lng": lng + (number % 4) * 0.0003,
                "lat": lat,
            }
            for number, (lng, lat) in enumerate(places[:20])
            for day in range(20, 25)
            for hour in PING_HOURS
            for minute in range(number % 7, 40, 3 + number % 9)
        ]
        content = "\n".join(map(json.dumps, pings))
        headers = {"Content-Type": "application/x-ndjson"}
        answer = client.post(f"/applications/{key}/ingest/pings", content=content, headers=headers, timeout=120)
        batch = answer.raise_for_status().json()
        if batch.get("rejected"):
            sys.exit(f"Pings were rejected: {batch}")


def fill_store(environment: dict[str, str], scale: float) -> tuple[Answers, str]:
    """Fill a store with the earlier version, and kill its server; return its answers, and the token of an API key."""
    add = ("-m", "okube_api.cli", "user", "add", LOGIN, "--platform-admin", "--password-stdin")
    run_python(environment, *add)
    run_python(environment, "-c", FILL, str(scale))
    with run_server(environment) as client:
        ingest_pings(client)
        editor = {"login": EDITOR, "password": COMMON_PASSWORD, "role": "editor"}
        client.post(f"/applications/{APPLICATIONS[0]}/users", json=editor).raise_for_status()
        key = client.post(
            "/auth/keys", json={"name": "upgrade"}, headers=log_in(client, EDITOR, COMMON_PASSWORD)
        ).raise_for_status()
        client.post("/auth/login", json={"login": EDITOR, "password": "not the password"})
        return ask(client), key.json()["token"]


# -- answers ----------------------------------------------------------------------------------------------------------


def ask(client: httpx.Client) -> Answers:
    """Return all lists of resources, and the answers of all KPIs by all of their scopes, by question."""
    answers: Answers = {}
    catalogue = client.get("/analytics/kpis").raise_for_status().json()
    kpis = catalogue["documents"] if isinstance(catalogue, dict) else catalogue
    for application in APPLICATIONS:
        for name in LISTS:
            url = f"/applications/{application}/{name}?per_page=100"
            answers[url] = client.get(url).raise_for_status().json()["documents"]
        studies = answers[f"/applications/{application}/studies?per_page=100"]
        for module, path in MODULES.items():
            study = next(document["_id"] for document in studies if document["key"] == "all")
            url = f"/applications/{application}/{path.replace('all', study)}?from=2025-01-01&to=2025-12-31"
            for uplift in ("", "&uplift=true", "&uplift=false") if module != "presence" else ("",):
                for kpi in kpis:
                    if kpi["module"] != module:
                        continue
                    param = {"kpi": kpi["kpi"], **dict.fromkeys(kpi["scopes"], True), "granularity": "month"}
                    answer = client.post(url + uplift, json={"params": [param]})
                    answers[f"{url}{uplift} {kpi['kpi']}"] = (answer.status_code, answer.json())
    return answers


def find_difference(before: Any, after: Any, path: str = "") -> str | None:
    """Return the first place where something that was answered before is another thing now; new fields may be there."""
    children: list[tuple[object, Any, Any]] = []
    if isinstance(before, dict) and isinstance(after, dict) and before.keys() <= after.keys():
        children = [(name, before[name], after[name]) for name in before]
    elif isinstance(before, list | tuple) and isinstance(after, list | tuple) and len(before) == len(after):
        children = list(zip(range(len(before)), before, after, strict=True))
    elif isinstance(before, float) and isinstance(after, int | float):
        is_equal = abs(before - after) <= 1e-9 * max(abs(before), 1)  # sums of rollups in another order
        return None if is_equal else f"{path}: {before} -> {after}"
    elif before != after:
        return f"{path}: {str(before)[:200]} -> {str(after)[:200]}"
    differences = (find_difference(old, new, f"{path}/{name}") for name, old, new in children)
    return next((difference for difference in differences if difference), None)


def compare(before: Answers, after: Answers) -> list[str]:
    """Return a line for each question whose answer differs."""
    return [
        f"{question}: {difference}"
        for question, answer in before.items()
        if (difference := find_difference(answer, after.get(question)))
    ]


def wait_for_facts(client: httpx.Client) -> None:
    """Wait until no answer says any more that its facts are being rebuilt."""
    for key in APPLICATIONS:
        url = f"/applications/{key}/presence/analytics?from=2025-12-01&to=2025-12-02&meta=true"
        deadline_s = time.monotonic() + 120
        while _has_stale_facts(client.post(url, json={"params": [{"kpi": "sessions"}]}).raise_for_status().json()):
            if time.monotonic() > deadline_s:
                sys.exit("The facts are not rebuilt after 120 s.")
            time.sleep(0.2)


def _has_stale_facts(answer: dict[str, Any]) -> bool:
    return any(note["code"] == "stale_facts" for note in answer["meta"].get("notes", ()))


def check_upgrade(earlier: Path, url: str, scale: float) -> list[str]:
    """Fill a store with an earlier version and ask the current one; return what differs."""
    before, key = fill_store(build_environment(earlier, url), scale)
    statuses = {status for status, _ in (answer for answer in before.values() if isinstance(answer, tuple))}
    print(f"{len(before)} answers of the earlier version, statuses of KPIs {statuses}", flush=True)
    environment = build_environment(ROOT, url)
    run_python(environment, "-m", "okube_api.cli", "check")
    started_s = time.monotonic()
    with run_server(environment) as client:
        print(f"current version ready after {time.monotonic() - started_s:.1f} s", flush=True)
        at_once = compare(before, ask(client))
        wait_for_facts(client)
        differences = at_once + compare(before, ask(client))
        print(f"facts rebuilt after {time.monotonic() - started_s:.1f} s at most", flush=True)
        access = client.get(f"/applications/{APPLICATIONS[0]}/sites", headers={"Authorization": f"Bearer {key}"})
        if access.status_code != 200:
            differences.append(f"the API key is answered {access.status_code}")
        log_in(client, EDITOR, COMMON_PASSWORD)
    with run_server(environment) as client:  # killed again
        return differences + compare(before, ask(client))


def main() -> None:
    """Check the upgrade that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("earlier", type=Path, help="folder of a checkout of the earlier version")
    parser.add_argument("--mongodb", help="URL of a MongoDB server, without a database; the embedded store if absent")
    parser.add_argument("--scale", type=float, default=0.02, help="size of the demo: 1 is that of `make demo`")
    arguments = parser.parse_args()
    name = f"upgrade_{os.getpid()}"
    with tempfile.TemporaryDirectory(prefix="okube-upgrade-") as folder:
        url = f"{arguments.mongodb.rstrip('/')}/{name}" if arguments.mongodb else f"duckdb:{folder}/okube.duckdb"
        try:
            differences = check_upgrade(arguments.earlier.resolve(), url, arguments.scale)
        finally:
            if arguments.mongodb:
                with MongoClient[dict[str, object]](arguments.mongodb) as client:
                    client.drop_database(name)
    for line in differences[:40]:
        print(line)
    print(f"{len(differences)} answers differ")
    sys.exit(bool(differences))


if __name__ == "__main__":
    main()
