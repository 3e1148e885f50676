"""Answers the same question about several periods, which are compared."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from okube_api.engine.calendar import Period
from okube_api.engine.changes import Side, compute_changes, has_rates
from okube_api.engine.compared_periods import ComparedDays
from okube_api.engine.kpi_results import KpiEvaluator, KpiResult
from okube_api.engine.leaf_columns import Leaf
from okube_api.engine.panel_cache import PanelCache
from okube_api.engine.question import Level, Question, RequestedKpi, RequestedScope
from okube_api.engine.rollup_versions import CompleteFacts
from okube_api.engine.run import EngineAnswer, FetchedQuestion, OnPass, evaluate_question, fetch_question
from okube_api.engine.selection import Path, Ranking, get_sort_number, list_paths
from okube_api.engine.value_budget import ValueBudget
from okube_api.store.arrays import Ints
from okube_api.store.protocol import Reader
from okube_api.threads import run_in_thread


async def answer_periods(
    questions: Mapping[Period, Question],
    ranked_by: ComparedDays | None,
    reader: Reader,
    panels: PanelCache,
    *,
    complete_facts: CompleteFacts,
    budget: ValueBudget,
    in_thread: bool = False,
    on_pass: OnPass | None = None,
) -> dict[Period, EngineAnswer]:
    """Answer a question about its own period, the first, and the same question about the other periods.

    Where a scope has a limit, bounds or an entry for the others, the other periods have the rows of the own one.

    ranked_by: the days whose change decides the order of scopes that are sorted by it; None if no days are compared.
    For the other parameters and the errors see `run.answer`.
    """
    fetched = []
    for question in questions.values():
        budget.check_certain_values(question)
        fetched.append(
            await fetch_question(
                question, reader, panels, complete_facts=complete_facts, in_thread=in_thread, on_pass=on_pass
            )
        )
    evaluate = partial(_evaluate_periods, fetched, ranked_by, budget)
    is_small = all(each.fetched.is_small for each in fetched)
    answers = evaluate() if is_small and not in_thread else await run_in_thread(evaluate)
    return dict(zip(questions, answers, strict=True))


def _evaluate_periods(
    fetched: Sequence[FetchedQuestion], ranked_by: ComparedDays | None, budget: ValueBudget
) -> list[EngineAnswer]:
    evaluators = {
        each.question.period: KpiEvaluator(each.question, each.fetched, budget.most_cells) for each in fetched
    }
    answers: list[EngineAnswer] = []
    for each in fetched:
        evaluator = evaluators[each.question.period]
        rows_to_show = iter(answers[0].kpi_results if answers else ())

        def evaluate(
            request: RequestedKpi,
            by: RequestedScope,
            evaluator: KpiEvaluator = evaluator,
            rows_to_show: Iterator[KpiResult] = rows_to_show,
        ) -> KpiResult:
            own = next(rows_to_show, None)
            if own is not None:
                chooses = any(level.limit is not None or level.having or level.has_remainder for level in by.levels)
                return evaluator.evaluate(request, by, shown=own.selection if chooses else None)
            by_change = any(level.by_change for level in by.levels)
            rank = _rank_by_change(request, by, ranked_by, evaluators) if by_change else None
            return evaluator.evaluate(request, by, rank=rank)

        results = evaluate_question(each.question, budget, evaluate)
        answers.append(EngineAnswer(results, each.plan, each.fetched, each.question.notes))
    return answers


def _rank_by_change(
    request: RequestedKpi,
    by: RequestedScope,
    ranked_by: ComparedDays | None,
    evaluators: Mapping[Period, KpiEvaluator],
) -> Ranking:
    """Return the function that ranks rows by the change of their value over the whole period."""

    def rank(paths: Sequence[Path], _: Sequence[Leaf]) -> list[float | None]:
        if ranked_by is None or not paths:
            return [None] * len(paths)
        levels = by.levels[: len(paths[0])]
        plain = replace(by, levels=tuple(Level(level.dimension) for level in levels))
        # The outer values by themselves are read for the whole period only.
        plain_request = request if len(levels) == len(by.levels) else replace(request, temporals=False)
        sides = []
        for period in (ranked_by.own, ranked_by.other):
            result = evaluators[period].evaluate(plain_request, plain)
            sides.append(Side(result.results, _find_period_cells(result, paths)))
        changes = compute_changes(*sides, is_rate=has_rates(request.kpi))
        return [get_sort_number(change) for change in changes]

    return rank


def _find_period_cells(result: KpiResult, paths: Sequence[Path]) -> Ints:
    """Return the cell of the whole period of each row; -1 without data."""
    assert result.selection is not None
    numbers_by_path = dict(zip(list_paths(result.selection), result.selection.numbers.tolist(), strict=True))
    numbers = np.array([numbers_by_path.get(path, -1) for path in paths], dtype=np.int64)
    return np.where(numbers < 0, -1, numbers * result.width + result.width - 1)
