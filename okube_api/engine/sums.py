"""Sums of measures by cell."""

from dataclasses import replace

import numpy as np

from okube_api.catalogue.fact import Measure
from okube_api.catalogue.terms import Sums
from okube_api.catalogue.weights import WEIGHT_UNIT
from okube_api.engine.grid import Grid, sum_by_cell, sum_quotients
from okube_api.engine.term_rows import RowReader
from okube_api.engine.value_numbers import ValueNumbers
from okube_api.store.exact_integers import concatenate_numbers


class SumEvaluator:
    """Sums measures of terms, by cell, by band or by item."""

    def __init__(self, reader: RowReader) -> None:
        self._reader = reader
        self._totals: dict[tuple[Sums, Measure], Grid] = {}

    def total(self, term: Sums, measure: Measure, denominator: int = 1, is_integer: bool = True) -> Grid:
        """Sum a measure by cell; if the term is split by a column, that column divides the measure of each row."""
        grid = self._totals.get((term, measure))
        if grid is None:
            grid = self._totals[term, measure] = self._sum(term, measure)
        weighted = self._reader.question.is_weighted(term) and measure.weighted
        denominator *= WEIGHT_UNIT if weighted else 1
        return replace(grid, denominator=grid.denominator * denominator, is_integer=is_integer and not weighted)

    def by_band(self, term: Sums, measure: Measure, bands: int) -> Grid:
        """Sum a measure by cell and band, at `cell * (bands + 1) + band + 1`; band -1 is the unknown."""
        (column,) = term.split
        keys, numbers = [], []
        for rows in self._reader.rows_of(term):
            for cells in self._reader.cells(rows):
                keys.append(cells * (bands + 1) + rows.integers(column) + 1)
                numbers.append(rows.amounts(measure))
        weighted = self._reader.question.is_weighted(term)
        return sum_by_cell(
            concatenate_numbers(keys), concatenate_numbers(numbers), WEIGHT_UNIT if weighted else 1, not weighted
        )

    def by_item(self, term: Sums, measure: Measure, column: str, items: ValueNumbers) -> tuple[Grid, int]:
        """Sum a measure by cell and item, at `cell * size + item`; return the grid and that size.

        items: numbers the values of the column.
        """
        numbered = [(rows, items.number_column(rows.table.column(column))) for rows in self._reader.rows_of(term)]
        size = max(len(items.values), 1)
        divisor = next((name for name in term.split if name != column), None)
        keys, numbers, divisors = [], [], []
        for rows, item_numbers in numbered:
            for cells in self._reader.cells(rows):
                keys.append(cells * size + item_numbers)
                numbers.append(rows.amounts(measure))
                divisors.append(rows.integers(divisor) if divisor else np.ones(len(cells), dtype=np.int64))
        weighted = self._reader.question.is_weighted(term)
        grid = sum_quotients(concatenate_numbers(keys), concatenate_numbers(numbers), concatenate_numbers(divisors))
        denominator = grid.denominator * (WEIGHT_UNIT if weighted else 1)
        return replace(grid, denominator=denominator, is_integer=not weighted and not divisor), size

    def _sum(self, term: Sums, measure: Measure) -> Grid:
        parts = [(cells, rows) for rows in self._reader.rows_of(term) for cells in self._reader.cells(rows)]
        keys = concatenate_numbers([cells for cells, _ in parts])
        numbers = concatenate_numbers([rows.amounts(measure) for _, rows in parts])
        if not term.split:
            return sum_by_cell(keys, numbers)
        (column,) = term.split
        return sum_quotients(keys, numbers, concatenate_numbers([rows.integers(column) for _, rows in parts]))
