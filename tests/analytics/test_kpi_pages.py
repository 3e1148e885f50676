"""The pages of the KPIs: written from the present catalogue and engine, with formulas that give the answers."""

import re
from collections.abc import Mapping
from typing import Any

import pytest
from okube_api.analytics.formulas import describe_formula, list_events, list_fields
from okube_api.catalogue.kpi import Kpi, Module
from okube_api.catalogue.registry import CATALOGUE
from scripts.kpi_pages import DOCS, KpiExample, ask_all, compute_formula, render_page, run_samples

pytestmark = pytest.mark.anyio

KPIS = [pytest.param(module, kpi, id=f"{module}-{kpi.name}") for module in CATALOGUE for kpi in CATALOGUE[module]]


@pytest.fixture(scope="module")
async def examples() -> Mapping[Module, list[KpiExample]]:
    """Ask all questions of the pages."""
    async with run_samples() as sample:
        return {module: await ask_all(sample, module) for module in CATALOGUE}


@pytest.mark.parametrize("module", Module)
async def test_pages_are_up_to_date(examples: Mapping[Module, list[KpiExample]], module: Module) -> None:
    page = (DOCS / "kpis" / f"{module.value}.md").read_text(encoding="utf-8")
    assert page == render_page(module, examples[module]), "docs/kpis/ is outdated: run make documents"


@pytest.mark.parametrize(("module", "kpi"), KPIS)
async def test_formulas_with_numbers_give_the_answers(
    examples: Mapping[Module, list[KpiExample]], module: Module, kpi: Kpi
) -> None:
    example = examples[module][CATALOGUE[module].index(kpi)]
    leaves = [element["data"]["all"] for element in example.answer if element["scope"] == "globals"]
    for field, value in list_fields(kpi.value):
        numbers = compute_formula(value, example.operands)
        for leaf in leaves if numbers else []:
            assert calculate(numbers or "") == pytest.approx(get_field(leaf, field), abs=1e-4)


def calculate(formula: str) -> float:
    """Return the value of a formula of numbers."""
    assert re.fullmatch(r"[\d.e()÷+− ]+", formula), formula  # noqa: RUF001
    result: float = eval(formula.replace("÷", "/").replace("−", "-"))  # noqa: RUF001 - digits and operators
    return result


def get_field(leaf: Any, field: str) -> Any:
    """Return a field of a leaf by its dotted name; the leaf itself without a name."""
    for name in field.split(".") if field else ():
        leaf = leaf[name]
    return leaf


@pytest.mark.parametrize(("module", "kpi"), KPIS)
async def test_every_kpi_has_a_meaning_a_formula_and_events(module: Module, kpi: Kpi) -> None:
    assert kpi.meaning.endswith(".")
    assert all(describe_formula(module, kpi))
    assert list_events(kpi)


async def test_formulas_name_other_kpis() -> None:
    roi = next(kpi for kpi in CATALOGUE[Module.CONVERSION] if kpi.name == "roi")
    assert describe_formula(Module.CONVERSION, roi) == ["(revenues − cost) ÷ cost"]  # noqa: RUF001
