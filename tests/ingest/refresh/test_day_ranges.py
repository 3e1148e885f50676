"""Days in groups whose events fit into memory."""

import pytest
from okube_api.ingest.refresh.day_ranges import DayGroups


@pytest.mark.parametrize(
    ("rows_per_day", "spans"),
    [(0.0, [16, 62, 62, 60]), (25_000.0, [16, 40, 40, 40, 40, 24]), (1e9, [16] + [1] * 184)],
)
def test_groups_span_fewer_days_the_more_rows_these_have(rows_per_day: float, spans: list[int]) -> None:
    """Split 200 days in a row, with the same number of rows on each."""
    groups = DayGroups(range(100, 300))
    lengths = []
    for group in groups:
        lengths.append(len(group))
        groups.fit(rows_per_day)
    assert lengths == spans


def test_each_day_is_in_one_group_and_spans_count_the_days_between() -> None:
    """Split days with gaps."""
    days = [1, 2, 16, 17, 40, 300]
    assert [list(group) for group in DayGroups(days)] == [[1, 2, 16], [17], [40], [300]]
    assert list(DayGroups([])) == []
