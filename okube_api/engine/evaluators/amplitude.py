"""How long users' days last: from the earliest start to the latest end of a day at a place."""

import numpy as np

from okube_api.catalogue.bands import find_bands
from okube_api.catalogue.expressions.paths import Amplitude
from okube_api.engine.evaluator import Evaluator
from okube_api.engine.grid import sum_by_cell
from okube_api.engine.results import BandResults

_MS_PER_S = 1000


def evaluate_amplitude(value: Amplitude, view: Evaluator) -> BandResults:
    """The leaves of an amplitude, in a view."""
    assert value.users.span is not None
    start, end = value.users.span
    edges = view.question.edges[value.bands]
    keys, seconds = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    for rows in view.placed(value.users):
        length_s = (rows.integers(end) - rows.integers(start)) // _MS_PER_S
        for cells in view.cells(rows):
            keys.append(cells)
            seconds.append(length_s)
    cells, lengths_s = np.concatenate(keys), np.concatenate(seconds)
    bands = find_bands(lengths_s, edges) + 1
    counts = sum_by_cell(cells * (len(edges) + 1) + bands, np.ones(len(cells), dtype=np.int64))
    return BandResults(counts, sum_by_cell(cells, lengths_s), edges, value.unit, value.counted)
