"""What starts fast, because of what it does not import."""

import subprocess
import sys
from typing import get_args

import pytest
from okube_api.auth.repository import Role
from okube_api.cli import commands
from okube_api.ingest.events.kinds import KINDS

_ASK = "import sys; {}; print(*(name for name in {!r} if name in sys.modules))"
_SERVE = (
    "import asyncio; from okube_api.app import create_app; from okube_api.settings import Settings; "
    "app = create_app(Settings(store_url='duckdb::memory:', secret_key='0' * 32)); "
    "asyncio.run(app.router.lifespan_context(app).__aenter__())"
)


def _imported(work: str, names: tuple[str, ...]) -> list[str]:
    """Which of these modules a process has that does this."""
    found = subprocess.run([sys.executable, "-c", _ASK.format(work, names)], capture_output=True, text=True, check=True)
    return found.stdout.split()


@pytest.mark.parametrize(
    ("work", "names"),
    [
        ("import okube_api.cli", ("pandas", "pyarrow", "numpy", "duckdb", "fastapi", "pydantic", "rich", "httpx")),
        ("import okube_api.cli.fill_demo", ("pandas", "fastapi", "httpx")),
        (_SERVE, ("pandas", "PIL", "h3ronpy", "cryptography", "pyarrow.parquet", "httpx", "pymongo")),
    ],
)
def test_what_is_not_needed_is_not_imported(work: str, names: tuple[str, ...]) -> None:
    assert _imported(work, names) == []


def test_arrow_still_finds_pandas_when_it_is_asked() -> None:
    work = "import okube_api.store, pyarrow as pa; pa.table({'a': ['x']}).to_pandas()"
    assert _imported(work, ("pandas",)) == ["pandas"]


def test_help_knows_the_kinds_and_the_roles() -> None:
    assert tuple(KINDS) == commands.KINDS
    assert tuple(Role) == get_args(commands.Role)
