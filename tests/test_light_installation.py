"""The client without the server: what `pip install 'okube-api[client]'` brings, in an environment of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
SERVER_ONLY = ("fastapi", "duckdb", "pyarrow", "pydantic", "typer", "pymongo")
CHECK = f"""
import importlib.util
assert not [name for name in {SERVER_ONLY!r} if importlib.util.find_spec(name)]
import okube_api.client
from okube_api.client import AnalyticsAnswer, MissingExtra
element = {{"kpi": "visits", "mode": "histogram", "scope": "globals", "granularity": "day",
            "data": {{"all": 5, "temporals": {{"0": 2, "1": 3}}}}}}
meta = {{"from": "2026-03-01", "timezone": "Europe/Paris", "buckets": {{"day": ["2026-03-01", "2026-03-02"]}}}}
answer = AnalyticsAnswer([element], meta)
frame = answer.to_pandas()
assert frame["visits"].tolist() == [2, 3] and str(frame.index[1].date()) == "2026-03-02", frame
try:
    answer.to_polars()
except MissingExtra as error:
    print(error)
"""


def run(*command: str | Path, cwd: Path, is_successful: bool = True) -> str:
    """Run a command in a folder, without what makes this checkout importable, and return its output."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    process = subprocess.run(
        list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert (process.returncode == 0) is is_successful, process.stdout + process.stderr
    return process.stdout + process.stderr


def test_client_works_without_the_server(tmp_path: Path) -> None:
    run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", tmp_path, cwd=ROOT)
    (wheel,) = tmp_path.glob("*.whl")
    run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv", cwd=tmp_path)
    bin_folder = tmp_path / "venv" / "bin"
    pip = (sys.executable, "-m", "pip", "--python", bin_folder / "python", "--disable-pip-version-check")
    run(*pip, "install", "--no-compile", f"{wheel}[client]", cwd=tmp_path)  # most modules are never imported
    assert "pip install 'okube-api[polars]'" in run(bin_folder / "python", "-c", CHECK, cwd=tmp_path)
    message = run(bin_folder / "okube-api", "serve", cwd=tmp_path, is_successful=False)
    assert "pip install 'okube-api[server]'" in message
    assert "Traceback" not in message
