"""Evaluates the length of users' days: from the earliest start to the latest end of a day at a place."""

import numpy as np

from okube_api.catalogue.bands import find_bands
from okube_api.catalogue.expressions.amplitude import Amplitude
from okube_api.engine.evaluate import evaluate
from okube_api.engine.evaluator import Evaluator
from okube_api.engine.grid import sum_by_cell
from okube_api.engine.results import BandResults, Results
from okube_api.store.exact_integers import concatenate_numbers

_MS_PER_S = 1000


@evaluate.register
def _(value: Amplitude, evaluator: Evaluator) -> Results:
    assert value.users.span is not None
    start, end = value.users.span
    assert start is not None
    assert end is not None
    edges = evaluator.question.edges[value.bands]
    keys, seconds = [], []
    for rows in evaluator.reader.rows_of(value.users):
        length_s = (rows.integers(end) - rows.integers(start)) // _MS_PER_S
        for cells in evaluator.reader.cells(rows):
            keys.append(cells)
            seconds.append(length_s)
    cells, lengths_s = concatenate_numbers(keys), concatenate_numbers(seconds)
    bands = find_bands(lengths_s, edges) + 1
    counts = sum_by_cell(cells * (len(edges) + 1) + bands, np.ones(len(cells), dtype=np.int64))
    return BandResults(counts, sum_by_cell(cells, lengths_s), edges, value.unit, value.counted)
