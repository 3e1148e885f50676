"""What `docs/adding-a-kpi.md` says is true: its record and its line by hand are all that a KPI takes."""

import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from okube_api.analytics.answer import build_results
from okube_api.catalogue.kpi import Kpi
from okube_api.engine.run import answer

from tests.by_hand import conversion as by_hand
from tests.by_hand.question import Question, without
from tests.engine.ask_conversion import resolved
from tests.engine.campaign_tenants import campaign_tenant
from tests.engine.stores import Reading

GUIDE = Path(__file__).parents[2] / "docs" / "adding-a-kpi.md"


def blocks() -> dict[str, Any]:
    """The names that the guide's code defines."""
    found: dict[str, Any] = {}
    for code in re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(code, str(GUIDE), "exec"), found)
    return found


@pytest.mark.anyio
@pytest.mark.parametrize("scope", ["globals", "sites", "campaigns", "levers", "extras"])
async def test_the_guides_record_is_answered_as_its_line_by_hand(
    reading: Reading, scope: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    guide, truth = blocks(), campaign_tenant(1)
    (kpi,) = (one for one in guide.values() if isinstance(one, Kpi))
    monkeypatch.setattr(by_hand, "KPIS", {**by_hand.KPIS, kpi.name: guide["BY_HAND"]})
    asked = Question(date(2020, 12, 1), date(2024, 12, 1), "aggregation", "month", scope)
    asked = replace(asked, campaigns=without(truth.campaigns[0].id), uplift=True)
    question = resolved(truth, ("offlineVisits",), asked)
    question = replace(question, requested_kpis=tuple(replace(ask, kpi=kpi) for ask in question.requested_kpis))
    async with reading(truth) as reader:
        (element,) = build_results(question, (await answer(question, reader)).kpi_results)
    assert element["kpi"] == kpi.name
    assert element["data"] == by_hand.conversion(truth, kpi.name, asked)
    assert element["data"]
