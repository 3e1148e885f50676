"""The example of `docs/adding-a-kpi.md` works: a KPI needs its record and its computation by hand, nothing else."""

import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from okube_api.catalogue.kpi import Kpi
from okube_api.engine.run import answer

from tests.by_hand import conversion as by_hand
from tests.by_hand.question import Question, without
from tests.engine.ask_conversion import resolve_question
from tests.engine.campaign_tenants import campaign_tenant
from tests.engine.rendered import render_elements
from tests.engine.stores import Reading

GUIDE = Path(__file__).parents[2] / "docs" / "adding-a-kpi.md"


def run_guide() -> dict[str, Any]:
    """Run the code of the guide; return the names that it defines."""
    namespace: dict[str, Any] = {}
    for code in re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(code, str(GUIDE), "exec"), namespace)
    return namespace


@pytest.mark.anyio
@pytest.mark.parametrize("scope", ["globals", "sites", "campaigns", "levers", "extras"])
async def test_the_kpi_of_the_guide_equals_its_computation_by_hand(
    reading: Reading, scope: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    guide, truth = run_guide(), campaign_tenant(1)
    (kpi,) = (value for value in guide.values() if isinstance(value, Kpi))
    monkeypatch.setattr(by_hand, "KPIS", {**by_hand.KPIS, kpi.name: guide["BY_HAND"]})
    question_by_hand = Question(date(2020, 12, 1), date(2024, 12, 1), "aggregation", "month", scope)
    question_by_hand = replace(question_by_hand, campaigns=without(truth.campaigns[0].id), uplift=True)
    question = resolve_question(truth, ("offlineVisits",), question_by_hand)
    question = replace(question, requested_kpis=tuple(replace(ask, kpi=kpi) for ask in question.requested_kpis))
    async with reading(truth) as reader:
        (element,) = render_elements(question, await answer(question, reader))
    assert element["kpi"] == kpi.name
    assert element["data"] == by_hand.conversion(truth, kpi.name, question_by_hand)
    assert element["data"]
