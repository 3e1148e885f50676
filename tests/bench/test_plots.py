"""The plots of the results."""

from pathlib import Path

import pytest
from okube_api.bench.plots import draw_plots

from tests.bench.figures import make_results

pytestmark = pytest.mark.slow


def test_there_is_a_plot_of_each_comparison(tmp_path: Path) -> None:
    written = draw_plots(make_results(), tmp_path / "run.json")
    assert [path.name for path in written] == [
        f"run-{name}.svg" for name in ("questions", "clients", "mongo", "growth")
    ]
    assert all("<svg" in path.read_text(encoding="utf-8") for path in written)
