"""Comparison of the figures of a backup with those of the restored store."""

import pytest
from okube_api.backup.figures import compare_figures
from okube_api.store.values import Json

HEAD = {"application": "1", "key": "shop", "until": "2026-01-31", "kpi": "presence visits"}
ANSWERED: Json = {**HEAD, "etag": "a", "bytes": 2}
REFUSED: Json = {**HEAD, "refused": "unavailable"}


def test_same_figure_is_equal() -> None:
    """Count a figure as equal when both stores gave the same answer."""
    comparison = compare_figures([ANSWERED], [ANSWERED])
    assert (comparison.equal, comparison.problems, comparison.refused.total()) == (1, [], 0)


@pytest.mark.parametrize(
    ("restored", "problem"),
    [
        ([{**ANSWERED, "etag": "b"}], "shop: presence visits differs: 2 bytes (tag a, until 2026-01-31) in the backup"),
        ([{**ANSWERED, "until": "2026-01-30"}], "until 2026-01-30) restored"),
        ([REFUSED], "shop: presence visits was refused by the restored store: unavailable"),
        ([], "shop: presence visits is missing"),
        ([{**ANSWERED, "application": "2"}], "shop: presence visits is missing"),
    ],
)
def test_figure_that_is_not_reproduced_is_a_problem(restored: list[Json], problem: str) -> None:
    """Never count as equal what the restored store answers otherwise or not at all."""
    comparison = compare_figures([ANSWERED], restored)
    assert comparison.equal == 0
    assert problem in comparison.problems[0]


@pytest.mark.parametrize("restored", [[ANSWERED], [REFUSED], []])
def test_figure_that_was_refused_is_not_compared(restored: list[Json]) -> None:
    """Count a figure that the backed-up store refused by its code, also when the restored store refuses it, too."""
    comparison = compare_figures([REFUSED], restored)
    assert (comparison.equal, comparison.problems, dict(comparison.refused)) == (0, [], {"unavailable": 1})
