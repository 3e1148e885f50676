"""Sets of users by cell: merged, filtered, counted or weighed."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from okube_api.catalogue.scopes import ATTRIBUTES
from okube_api.catalogue.terms import Term, UserSet
from okube_api.catalogue.weights import WEIGHT_UNIT
from okube_api.engine.distinct import count_distinct
from okube_api.engine.grid import Grid, sum_by_cell
from okube_api.engine.panel import Attribute, Panel
from okube_api.engine.sets import UserGroups, concatenate, from_blobs, from_users, merge_groups
from okube_api.engine.term_rows import RowReader, TermRows
from okube_api.engine.text_columns import ValuesByCode
from okube_api.engine.unions import Numbers
from okube_api.engine.value_numbers import ValueNumbers
from okube_api.store.arrays import Flags, Ints
from okube_api.store.exact_integers import concatenate_numbers
from okube_api.threads import check_stopped

USER_BITS = 32


class UserEvaluator:
    """Evaluates sets of users.

    When a dimension is an attribute of users, rows do not have it: `locate_users` looks it up in the panel.
    """

    def __init__(self, reader: RowReader, panel: Panel) -> None:
        self._reader = reader
        self._question = reader.question
        self.panel = panel

    def count(self, terms: Sequence[UserSet]) -> Grid:
        """Count the distinct users of the union of sets by cell; with uplift, sum their weights."""
        weighted = self.is_weighted(terms[0])
        denominator = WEIGHT_UNIT if weighted else 1
        if not self._attributes:
            return sum_by_cell(*self._count_by_row(terms, weighted), denominator, not weighted)
        cells, users = self.locate_distinct_users(terms)
        return sum_by_cell(cells, self.weights_of(terms[0], users), denominator, not weighted)

    def distinct_users(self, terms: Iterable[UserSet]) -> Iterator[UserGroups]:
        """Yield the distinct users of the union of sets, in batches; `locate_users` gives their cells."""
        for groups in self.memberships(terms):
            for batch in merge_groups(groups):
                check_stopped()
                yield batch

    def locate_distinct_users(self, terms: Iterable[UserSet]) -> tuple[Ints, Numbers]:
        """Return the distinct users of the union of sets by cell: the cell of each, and the user."""
        cells, users = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.uint32)]
        for batch in self.distinct_users(terms):
            batch_cells, positions = self.locate_users(batch)
            cells.append(batch_cells)
            users.append(batch.users[positions])
        all_cells, all_users = np.concatenate(cells), np.concatenate(users)
        if not self.has_repeats:
            return all_cells, all_users
        keys = np.unique((all_cells << USER_BITS) | all_users.astype(np.int64))
        return keys >> USER_BITS, (keys & (2**USER_BITS - 1)).astype(np.uint32)

    def memberships(self, terms: Iterable[UserSet], items: ValueNumbers | None = None) -> list[UserGroups]:
        """Return the users of each row: by bucket, then for the whole period.  A user can be in several rows.

        items: if given, numbers the values of the column that the terms are split by, which replace the scope values.
        """
        term_rows = self._rows_of(terms)
        members = self._members(term_rows)
        values = [
            items.number_column(rows.table.column(term.split[0])) if items else rows.scope_values
            for term, rows in term_rows
        ]
        return [replace(members, keys=cells) for cells in self._cells(concatenate_numbers(values), term_rows)]

    def distinct_users_by_item(self, term: UserSet, items: ValueNumbers) -> tuple[list[UserGroups], int]:
        """Return the distinct users by cell and item, at `cell * size + item`, in batches; and that size.

        items: numbers the values of the column that the term is split by.
        """
        term_rows = self._rows_of((term,))
        members = self._members(term_rows)
        numbers = concatenate_numbers([items.number_column(rows.table.column(term.split[0])) for _, rows in term_rows])
        size = max(len(items.values), 1)
        cells = self._cells(concatenate_numbers([rows.scope_values for _, rows in term_rows]), term_rows)
        batches = [batch for keys in cells for batch in merge_groups(replace(members, keys=keys * size + numbers))]
        return batches, size

    def locate_users(self, groups: UserGroups) -> tuple[Ints, Ints | slice]:
        """Return cells of the users of groups from `distinct_users` or `memberships`, and the position of each user.

        Users who are left out have no cell, those with several values of a dimension have several.  If `has_repeats`, a
        user can be in a cell several times.
        """
        if not self._attributes:
            return groups.key_of_user, slice(None)
        cells, width = groups.key_of_user, self._reader.width
        positions: Ints | None = None  # of all users
        scope_values, buckets = np.divmod(cells, width) if self._has_row_level else (None, cells)
        for level, attribute, numbers in self._attributes:
            codes = attribute.codes_of(groups.users if positions is None else groups.users[positions])
            if not np.any(np.diff(numbers.offsets) != 1):
                values = numbers.numbers[codes]
            else:
                chosen, values = numbers.expand(np.where(codes < 0, len(attribute.names), codes))
                positions = chosen if positions is None else positions[chosen]
                buckets = buckets[chosen]
                scope_values = None if scope_values is None else scope_values[chosen]
            scope_values = values if scope_values is None else self._reader.combine(level, values, scope_values)
            cells = scope_values * width + buckets
        if not self.has_repeats:
            return cells, slice(None) if positions is None else positions
        is_included = cells >= 0
        positions = np.flatnonzero(is_included) if positions is None else positions[is_included]
        cells = cells[is_included]
        return cells, positions

    def weights(self, term: Term, groups: UserGroups) -> Ints:
        """Return the weight of each user in thousandths, or 1 for each without uplift."""
        return self.weights_of(term, groups.users)

    def weights_of(self, term: Term, users: Numbers) -> Ints:
        """Return the weight of each user number (see `weights`)."""
        return self.panel.weights_of(users) if self.is_weighted(term) else np.ones(len(users), dtype=np.int64)

    def is_weighted(self, term: Term) -> bool:
        """Return whether the users of a term count by their weight."""
        return self._question.is_weighted(term)

    def _rows_of(self, terms: Iterable[UserSet]) -> list[tuple[UserSet, TermRows]]:
        return [(term, rows) for term in terms for rows in self._reader.rows_of(term)]

    def _count_by_row(self, terms: Sequence[UserSet], weighted: bool) -> tuple[Ints, Ints]:
        """Count distinct users by cell, when scope values belong to rows and not to users.

        Where sizes of sets were read, the whole period is not asked for, and is left out.
        """
        all_rows = self._rows_of(terms)
        term_rows = [(term, rows) for term, rows in all_rows if not _has_sizes(term, rows)]
        sizes = [(rows, rows.integers(term.members.size_column)) for term, rows in all_rows if _has_sizes(term, rows)]
        cells, numbers = self._count_merged(term_rows, weighted)
        return (
            concatenate_numbers([cells, *(next(self._reader.cells(rows)) for rows, _ in sizes)]),
            concatenate_numbers([numbers, *(counts for _, counts in sizes)]),
        )

    def _count_merged(self, term_rows: Sequence[tuple[UserSet, TermRows]], weighted: bool) -> tuple[Ints, Ints]:
        """Count the distinct users of the union of the rows' sets by cell."""
        scope_values = concatenate_numbers([rows.scope_values for _, rows in term_rows])
        members = replace(self._members(term_rows), keys=scope_values)
        buckets = concatenate_numbers([rows.buckets for _, rows in term_rows if rows.buckets is not None])
        weights = self.panel.weights_of(np.arange(members.size if len(members.users) else 0)) if weighted else None
        return count_distinct(members, None if self._reader.buckets is None else buckets, self._reader.width, weights)

    def _members(self, term_rows: Sequence[tuple[UserSet, TermRows]]) -> UserGroups:
        """Return the users of each row, without keys and without the users that the filters exclude."""
        groups = concatenate([_read_sets(term, rows) for term, rows in term_rows])
        flags = self._filter_users(groups)
        return groups if flags is None else groups.filter_users(flags)

    def _cells(self, scope_values: Ints, term_rows: Sequence[tuple[UserSet, TermRows]]) -> list[Ints]:
        """Return the cell of each row: in its bucket, then for the whole period."""
        width = self._reader.width
        period_cells = scope_values * width + width - 1
        if self._reader.buckets is None:
            return [period_cells]
        buckets = concatenate_numbers([rows.buckets for _, rows in term_rows if rows.buckets is not None])
        return [scope_values * width + buckets, period_cells]

    @cached_property
    def _attributes(self) -> tuple[tuple[int, Attribute, ValuesByCode], ...]:
        """The dimensions that are attributes of users: position, attribute, values of each code (-1 is last)."""
        levels = []
        for level, dimension in enumerate(self._reader.dimensions):
            if dimension.scope in ATTRIBUTES:
                attribute = self.panel.attribute(ATTRIBUTES[dimension.scope])
                levels.append((level, attribute, self._reader.number_values((level,), (*attribute.names, None))))
        return tuple(levels)

    @property
    def has_repeats(self) -> bool:
        """Whether groups of rows become one cell, because they are all that is not shown of a value."""
        return bool(self._attributes) and self._reader.pairs is not None and self._reader.pairs.is_rest

    @property
    def _has_row_level(self) -> bool:
        """Whether a dimension belongs to rows, besides those that belong to users."""
        return len(self._attributes) < len(self._reader.dimensions)

    def _filter_users(self, groups: UserGroups) -> Flags | None:
        """Return which users pass the filters on their attributes; None when there is no such filter."""
        passing: Flags | None = None
        for scope, value_filter in self._question.filters:
            if scope in ATTRIBUTES:
                attribute = self.panel.attribute(ATTRIBUTES[scope])
                names = np.array([name in value_filter.values for name in (*attribute.names, None)], dtype=np.bool_)
                flags = names[attribute.codes_of(groups.users)] != value_filter.negated
                passing = flags if passing is None else passing & flags
        return passing


def _has_sizes(term: UserSet, rows: TermRows) -> bool:
    """Return whether the sizes of sets were read instead of the sets: each row is then all that its cell has."""
    return term.members.size_column in rows.table.column_names


def _read_sets(term: UserSet, rows: TermRows) -> UserGroups:
    """Return the users of each row of a pass, without keys."""
    keys = np.zeros(rows.table.num_rows, dtype=np.int64)
    if rows.source.has_users:
        return from_users(keys, rows.table.column("user").to_numpy())
    return from_blobs(keys, rows.table.column(term.members.name))
