"""The documentation of KPIs: up to date and complete, with correct examples."""

from pathlib import Path
from typing import Any

import pytest
from okube_api.analytics.kpis import KINDS, UNITS, list_kpi_records, render_page
from okube_api.catalogue.kpi import KpiKind, LeafShape, Unit
from okube_api.catalogue.registry import CATALOGUE
from okube_api.catalogue.shapes import DESCRIPTIONS, EXAMPLES

PAGE = Path(__file__).parents[2] / "docs" / "kpis.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == render_page(), "docs/kpis.md is outdated: run make documents"


def test_every_kpi_is_on_the_page_and_in_the_records() -> None:
    names = [(module.value, kpi.name) for module, kpis in CATALOGUE.items() for kpi in kpis]
    assert [(record["module"], record["kpi"]) for record in list_kpi_records()] == names
    assert len(names) == len(set(names)) == 113
    assert all(render_page().count(f"[`{name}`](kpis/{module}.md#{name.lower()})") == 1 for module, name in names)


def test_every_kind_unit_and_shape_is_explained() -> None:
    assert set(KINDS) == {kind.value for kind in KpiKind}
    assert set(UNITS) == set(Unit)
    assert set(DESCRIPTIONS) == set(EXAMPLES) == set(LeafShape)


def list_shares(value: Any) -> list[float]:
    """Return all shares in an example, at any depth."""
    if isinstance(value, dict):
        return [value["share"]] if "share" in value else list_shares([*value.values()])
    return [share for part in value for share in list_shares(part)] if isinstance(value, list) else []


@pytest.mark.parametrize(
    "leaf", [LeafShape.DISTRIBUTION, LeafShape.BREAKDOWN, LeafShape.TWO_TOUCHES, LeafShape.THREE_TOUCHES]
)
def test_shares_of_examples_add_up_to_one(leaf: LeafShape) -> None:
    assert sum(list_shares(EXAMPLES[leaf])) == pytest.approx(1, abs=2e-4)
