"""The catalogue as documentation: current, whole, and with examples of the shapes that it names."""

from pathlib import Path
from typing import Any

import pytest
from okube_api.analytics.kpis import KINDS, page, records
from okube_api.catalogue.kpi import Kind, Leaf
from okube_api.catalogue.registry import CATALOGUE
from okube_api.catalogue.shapes import EXAMPLES, WORDS

PAGE = Path(__file__).parents[2] / "docs" / "kpis.md"


def test_the_page_is_what_the_catalogue_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "docs/kpis.md is to be made anew: make documents"


def test_every_kpi_is_on_the_page_and_in_the_records() -> None:
    names = [(module.value, kpi.name) for module, kpis in CATALOGUE.items() for kpi in kpis]
    assert [(record["module"], record["kpi"]) for record in records()] == names
    assert len(names) == len(set(names)) == 97
    assert all(page().count(f"| `{name}` |") >= 1 for _, name in names)


def test_every_kind_and_shape_is_explained() -> None:
    assert set(KINDS) == {kind.value for kind in Kind}
    assert set(WORDS) == set(EXAMPLES) == set(Leaf)


def shares(value: Any) -> list[float]:
    """Every share in an example that has all parts of a whole."""
    if isinstance(value, dict):
        return [value["share"]] if "share" in value else [share for part in value.values() for share in shares(part)]
    return [share for part in value for share in shares(part)] if isinstance(value, list) else []


@pytest.mark.parametrize("leaf", [Leaf.DISTRIBUTION, Leaf.BREAKDOWN, Leaf.TWO_TOUCHES, Leaf.THREE_TOUCHES])
def test_examples_add_up(leaf: Leaf) -> None:
    assert sum(shares(EXAMPLES[leaf])) == pytest.approx(1, abs=2e-4)
