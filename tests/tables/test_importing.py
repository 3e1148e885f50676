"""Dry runs of imports keep the first lines only, in whatever order they are checked."""

from random import Random

import pytest
from okube_api.tables import importing
from okube_api.tables.importing import TableTrial


@pytest.mark.parametrize("seed", range(5))
def test_first_lines_of_a_dry_run(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr(importing, "MAX_TRIED_LINES", 4)
    lines = Random(seed).sample(range(2, 40), 30)
    trial = TableTrial()
    for line in lines:
        if trial.count(line, is_accepted=line % 2 == 0):
            trial.add(line, {"n": line}, () if line % 2 == 0 else [("n", "odd")])
    answer = trial.as_json()
    even = sum(line % 2 == 0 for line in lines)
    assert (answer["accepted"], answer["rejected"]) == (even, len(lines) - even)
    assert [line["values"]["n"] for line in answer["lines"]] == sorted(lines)[:4]
    assert all(line["accepted"] == (line["line"] % 2 == 0) for line in answer["lines"])
