"""Processes that start fast because they do not import what they do not need."""

import subprocess
import sys
from typing import get_args

import pytest
from okube_api.auth.repository import Role
from okube_api.cli import account_commands, commands
from okube_api.ingest.events.kinds import KINDS

_PROGRAM = "import sys; {}; print(*(name for name in {!r} if name in sys.modules))"
_SERVE = (
    "import asyncio; from okube_api.app import create_app; from okube_api.settings import Settings; "
    "app = create_app(Settings(store_url='duckdb::memory:', secret_key='0' * 32)); "
    "asyncio.run(app.router.lifespan_context(app).__aenter__())"
)


def list_imported(code: str, names: tuple[str, ...]) -> list[str]:
    """Run code in a new process and return which of the modules it has imported."""
    program = _PROGRAM.format(code, names)
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return process.stdout.split()


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("import okube_api.cli", ("pandas", "pyarrow", "numpy", "duckdb", "fastapi", "pydantic", "rich", "httpx")),
        ("import okube_api.cli.fill_demo", ("pandas", "fastapi", "httpx")),
        (_SERVE, ("pandas", "PIL", "h3ronpy", "cryptography", "pyarrow.parquet", "httpx", "pymongo", "holidays")),
    ],
)
def test_unneeded_modules_are_not_imported(code: str, names: tuple[str, ...]) -> None:
    assert list_imported(code, names) == []


def test_client_imports_httpx_and_the_standard_library_only() -> None:
    """Compare with what httpx imports by itself, whatever that is."""
    program = "import sys, httpx; before = {*sys.modules}; import okube_api.client; print(*({*sys.modules} - before))"
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    names = {name.partition(".")[0] for name in process.stdout.split() if not name.startswith("_")}
    assert names - {*sys.stdlib_module_names} == {"okube_api"}
    parts = {name for name in process.stdout.split() if name.startswith("okube_api.")}
    assert {name for name in parts if not name.startswith("okube_api.client")} == {
        "okube_api.leaf_parts",
        "okube_api.urls",
    }


def test_arrow_imports_pandas_on_demand() -> None:
    code = "import okube_api.store, pyarrow as pa; pa.table({'a': ['x']}).to_pandas()"
    assert list_imported(code, ("pandas",)) == ["pandas"]


def test_help_lists_all_kinds_and_roles() -> None:
    assert tuple(KINDS) == commands.KINDS
    assert tuple(Role) == get_args(account_commands.Role)
