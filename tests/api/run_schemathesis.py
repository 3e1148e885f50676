"""Run the schemathesis command with all its checks against a server with one resource of each kind.

Run it with `make schemathesis`; `CASES` and `SEED` repeat or extend a run, arguments are those of the command.  All its
checks are enabled, except where `schemathesis.toml` says why not.  Three of four path parameters, and some
references in bodies and queries, name resources that exist.
"""

import json
import logging
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import structlog
from okube_api.auth.repository import Role

from tests.api.live import LiveServer, run_live
from tests.api.tenancy import create_resources

ROOT = Path(__file__).parents[2]
NAMES = "OKUBE_SCHEMATHESIS_NAMES"  # variable with the ids and keys of the resources, for `schemathesis_hooks`
EXCLUDED = ("/auth/logout", "/auth/password")
"""Paths that would end the run's own access."""


async def _create_names(live: LiveServer) -> tuple[dict[str, list[str]], str]:
    """Create the resources; return their ids and keys by kind, and an API key of a platform administrator."""
    tenant = await live.create_tenant()
    names = await create_resources(tenant, "real")
    administrator = await live.create_user(platform_admin=True, roles={tenant.id: Role.ADMIN})
    async with live.client_of(administrator) as client:
        key = (await client.post("/auth/keys", json={"name": "schemathesis"})).json()["token"]
    return names, key


def main(cases: int, seed: int) -> int:
    """Run about this many cases; return the status of the command."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory() as folder, run_live(f"duckdb:{folder}/okube.duckdb") as live:
        names, key = live.run_coroutine(_create_names(live))
        operations = sum(
            method in {"get", "put", "post", "patch", "delete"}
            for item in live.app.openapi()["paths"].values()
            for method in item
        )
        examples = max(1, cases // (2 * operations))  # fuzzing sends valid and invalid cases
        print(f"seed {seed}, {examples} examples for each of {operations} operations", flush=True)
        command = [
            str(Path(sys.executable).with_name("schemathesis")),
            *("--config-file", str(ROOT / "schemathesis.toml")),
            *("run", f"{live.address}/openapi.json"),
            *("--header", f"Authorization: Bearer {key}"),
            *("--mode", "all", "--phases", "examples,coverage,fuzzing"),
            *("--max-examples", str(examples), "--seed", str(seed), "--continue-on-failure"),
            *(option for path in EXCLUDED for option in ("--exclude-path", path)),
            *sys.argv[1:],
        ]
        environment = {
            **os.environ,
            NAMES: json.dumps(names),
            "SCHEMATHESIS_HOOKS": "tests.api.schemathesis_hooks",
        }
        return subprocess.run(command, env=environment, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(int(os.environ.get("CASES", "20000")), int(os.environ.get("SEED") or random.randrange(10**9))))
