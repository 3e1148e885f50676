"""Semantic layers in processes of their own, with a small script in the place of a layer."""

import sys
from pathlib import Path

import pytest
from okube_api.bench import semantic_layers
from okube_api.bench.semantic_layers import SemanticLayer, load_semantic_layers

LAYER = """
import json, sys
print("{}", flush=True)
for line in sys.stdin:
    rows = [[[sys.argv[1], *keys, len(kpis)]] for fact, keys, kpis in json.loads(line)]
    print(json.dumps({"seconds": 0.25, "rows": rows}), flush=True)
"""


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let layers run a script, which is still to be written, with this Python."""
    path = tmp_path / "layer.py"
    monkeypatch.setattr(semantic_layers, "_PYTHON", Path(sys.executable))
    monkeypatch.setattr(semantic_layers, "_SCRIPT", path)
    return path


def test_a_layer_answers_the_tables_of_stays_only(script: Path, tmp_path: Path) -> None:
    script.write_text(LAYER)
    layer = SemanticLayer("A Layer", "one", tmp_path)
    try:
        answer = layer.ask("A2")
        assert answer is not None
        assert (answer.seconds, answer.rows_by_table) == (0.25, [[["one", "place", "month", 2]]])
        assert layer.ask("B1") is None
        third = layer.ask("A3")
        assert third is not None
        assert third.rows_by_table == [[["one", "month", 1]], [["one", 1]]]
    finally:
        layer.close()


def test_a_layer_that_ends_is_an_error(script: Path, tmp_path: Path) -> None:
    script.write_text("import sys; sys.exit(3)")
    with pytest.raises(RuntimeError, match="A Layer ended with status 3"):
        SemanticLayer("A Layer", "one", tmp_path)


def test_there_are_no_layers_without_their_environment(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(semantic_layers, "_PYTHON", script.with_name("missing"))
    assert load_semantic_layers(script.parent) == []
