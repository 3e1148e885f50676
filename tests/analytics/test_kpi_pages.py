"""The pages of the KPIs: written from the present catalogue and engine, with formulas that give the answers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from okube_api.analytics.formulas import describe_formula, describe_number, list_events, list_fields
from okube_api.catalogue.kpi import Kpi, LeafShape, Module
from okube_api.catalogue.registry import CATALOGUE
from scripts.kpi_pages import (
    DOCS,
    KpiExample,
    ask_all,
    compute_formula,
    evaluate_numbers,
    render_page,
    run_samples,
)

from tests.analytics.formula_clauses import check_formula, list_inner_numbers

pytestmark = pytest.mark.anyio

KPIS = [pytest.param(module, kpi, id=f"{module}-{kpi.name}") for module in CATALOGUE for kpi in CATALOGUE[module]]


STRUCTURES = (
    LeafShape.DISTRIBUTION,
    LeafShape.BREAKDOWN,
    LeafShape.AFFINITY,
    LeafShape.MATRIX,
    LeafShape.ORDER,
    LeafShape.COMPARISON,
    LeafShape.PER_CAMPAIGN,
)
"""Leaves whose formulas are not arithmetic."""

STRUCTURED_KPIS = [
    pytest.param(module, kpi, id=f"{module}-{kpi.name}")
    for module in CATALOGUE
    for kpi in CATALOGUE[module]
    if kpi.leaf in STRUCTURES
]


@dataclass(frozen=True)
class Answers:
    """The examples of each module, and the numbers within its structures by their description."""

    examples: Mapping[Module, list[KpiExample]]
    inner_numbers: Mapping[Module, Mapping[str, float | None]]


@pytest.fixture(scope="module")
async def answers() -> Answers:
    """Ask all questions of the pages."""
    async with run_samples() as sample:
        inner = {}
        for module, kpis in CATALOGUE.items():
            numbers = {number for kpi in kpis for number in list_inner_numbers(kpi.value)}
            values = await evaluate_numbers(sample, module, numbers) if numbers else {}
            inner[module] = {describe_number(number): value for number, value in values.items()}
        return Answers({module: await ask_all(sample, module) for module in CATALOGUE}, inner)


@pytest.fixture(scope="module")
async def examples(answers: Answers) -> Mapping[Module, list[KpiExample]]:
    """Return the examples."""
    return answers.examples


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


@pytest.mark.parametrize(("module", "kpi"), STRUCTURED_KPIS)
async def test_clauses_of_other_formulas_are_true_of_the_answers(answers: Answers, module: Module, kpi: Kpi) -> None:
    examples = {example.param["kpi"]: example.answer[0]["data"] for example in answers.examples[module]}
    words = {**answers.inner_numbers[module], "visitor-days": examples.get("attendance", {}).get("all")}
    check_formula(describe_formula(module, kpi)[0], examples[kpi.name]["all"], words)


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
