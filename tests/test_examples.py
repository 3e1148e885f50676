"""The examples: the notebook has the cells of the script, and the script draws its plots from a demonstration."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from okube_api.auth.secret import load_secret_key
from okube_api.cli.demo_login import set_login_password
from okube_api.cli.fill_demo import create_demo_users
from okube_api.demo.fill import fill_applications
from PIL import Image
from scripts.notebook import build_notebook

from tests.api.live import LiveServer, run_live
from tests.demo.filled_demo import get_demo_services
from tests.demo.small_demo import PASSWORD

EXAMPLES = Path(__file__).parents[1] / "examples"
SCRIPT = EXAMPLES / "from_demo_to_plots.py"
UNTIL = date(2025, 1, 5)


def test_notebook_has_the_cells_of_the_script() -> None:
    """Fail when `make documents` was not run after a change of the script."""
    notebook = SCRIPT.with_suffix(".ipynb").read_text(encoding="utf-8")
    assert notebook == build_notebook(SCRIPT.read_text(encoding="utf-8"))


@pytest.fixture
def demo_server(tmp_path: Path) -> Iterator[LiveServer]:
    """Serve two years of a small demonstration."""
    with run_live(f"duckdb:{tmp_path / 'okube.duckdb'}", rate_limit=None) as server:
        asyncio.run_coroutine_threadsafe(fill(server, tmp_path), server.loop).result(300)
        yield server


async def fill(server: LiveServer, folder: Path) -> None:
    """Fill the store with a demonstration, as the command does."""
    services = server.services
    documents = await fill_applications(get_demo_services(services), UNTIL, scale=0.02)
    applications = [document["_id"] for document in documents]
    await create_demo_users(services.store, load_secret_key(services.settings), applications)
    await set_login_password(services.store, folder, PASSWORD)


@pytest.mark.slow
def test_script_draws_five_plots(demo_server: LiveServer, tmp_path: Path) -> None:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("OKUBE_")},
        "OKUBE_URL": demo_server.address,
        "OKUBE_DEMO_PASSWORD": PASSWORD,
        "OKUBE_PLOTS": str(tmp_path / "plots"),
        "MPLBACKEND": "agg",
    }
    command = [sys.executable, "-W", "error", str(SCRIPT)]
    process = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    plots = sorted((tmp_path / "plots").glob("*.png"))
    assert len(plots) == 5
    for path in plots:
        with Image.open(path) as image:
            colours = image.convert("RGB").getcolors(2**24)
        assert colours is not None
        assert len(colours) > 50, f"{path.name} is empty"
