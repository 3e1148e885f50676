"""Stays, passages, steps and exits against their definitions in plain Python."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from okube_api.catalogue.fact import Fact
from okube_api.catalogue.facts import (
    PRESENCE_EXITS,
    PRESENCE_PASSAGE_EXITS,
    PRESENCE_PASSAGES,
    PRESENCE_STAYS,
    PRESENCE_STEPS,
)
from okube_api.ingest.columns.columns import DayRange
from okube_api.ingest.derive.presence import PresenceTables, derive_presence
from okube_api.ingest.derive.sessionize import find_affected_days
from okube_api.store.column_types import ARROW_TYPES
from tests.by_hand.truth import Detection, Truth
from tests.ingest.derive import tables
from tests.ingest.derive.locations import EQUIPMENTS, SITES
from tests.truth.tenant import alpha, beta

EVER = (1, 40_000)
FACTS = {
    "stays": PRESENCE_STAYS,
    "passages": PRESENCE_PASSAGES,
    "steps": PRESENCE_STEPS,
    "exits": PRESENCE_EXITS,
    "passage_exits": PRESENCE_PASSAGE_EXITS,
}
FLAGS = {"visitor_day", "new_place", "new_application"}

# Clocks go forward in the night to 2024-03-31 in Paris, and back a week later in Lord Howe.
AROUND = datetime(2024, 3, 30, 20, 0, tzinfo=UTC)


def derive(truth: Truth, detections: pa.Table | None = None, span: DayRange = EVER) -> PresenceTables:
    rows = tables.build_detections(truth) if detections is None else detections
    return derive_presence(tables.sessionize_detections(rows, truth), tables.build_rules(truth), span)


def to_rows(derived: PresenceTables) -> dict[str, list[dict[str, Any]]]:
    return {name: getattr(derived, name).to_pylist() for name in FACTS}


def build_truth(*rows: tuple[str, str, datetime], gap_s: int = 1800, minimum_s: int = 120) -> Truth:
    detections = [Detection(*detection) for detection in rows]
    return Truth(sites=SITES, equipments=EQUIPMENTS, detections=detections, presence_gap_s=gap_s, minimum_s=minimum_s)


@st.composite
def truths(draw: st.DrawFn) -> Truth:
    """Draw detections whose pauses are often just the gap, over the nights of three days."""
    pauses = st.sampled_from([0, 1, 999, 1000, 59_000, 119_999, 120_000, 1_799_999, 1_800_000, 1_800_001, 20_000_000])
    seen = []
    for device in draw(st.lists(st.sampled_from(["d1", "d2", "d3"]), max_size=4)):
        at = AROUND + timedelta(minutes=draw(st.integers(0, 4000)))
        for pause in draw(st.lists(pauses, max_size=8)):
            at += timedelta(milliseconds=pause)
            seen.append((device, draw(st.sampled_from(EQUIPMENTS)).id, at))
    return build_truth(*dict.fromkeys(seen))


@pytest.mark.parametrize("tenant", [alpha, beta])
def test_rows_of_a_tenant(tenant: Any) -> None:
    truth = tenant().truth
    derived = to_rows(derive(truth))
    assert len(derived["stays"]) > 30
    assert derived == tables.expect_presence_rows(truth)


@pytest.mark.parametrize("name", FACTS)
def test_columns_are_those_declared(name: str) -> None:
    fact: Fact = FACTS[name]
    declared = {"day": pa.int64()} | {
        column.name: ARROW_TYPES[column.type] for column in fact.columns if column.name not in FLAGS
    }
    for truth in (alpha().truth, build_truth()):
        schema = getattr(derive(truth), name).schema
        assert {field.name: tables.get_value_type(field.type) for field in schema} == declared


@given(truths())
def test_rows_of_random_detections(truth: Truth) -> None:
    assert to_rows(derive(truth)) == tables.expect_presence_rows(truth)


def test_no_detection_makes_no_row() -> None:
    assert all(rows == [] for rows in to_rows(derive(build_truth())).values())


def test_no_equipment_makes_no_row() -> None:
    sessions = tables.sessionize_detections(tables.build_detections(alpha().truth), Truth(sites=SITES))
    assert all(rows == [] for rows in to_rows(derive_presence(sessions, tables.build_rules(Truth()), EVER)).values())


def test_detections_by_an_unknown_equipment_are_left_out() -> None:
    at = [AROUND + timedelta(minutes=n) for n in range(4)]
    truth = build_truth(("d", "e-1", at[0]), ("d", "e-1", at[3]))
    more = build_truth(("d", "e-1", at[0]), ("d", "gone", at[1]), ("d", "e-1", at[3]))
    assert to_rows(derive(truth, tables.build_detections(more))) == tables.expect_presence_rows(truth)


def test_the_gap_is_still_one_stay_and_a_millisecond_more_is_not() -> None:
    def list_stays(pause: timedelta) -> list[tuple[int, int]]:
        times = [AROUND, AROUND + timedelta(minutes=5)]
        times += [times[-1] + pause, times[-1] + pause + timedelta(minutes=5)]
        stays = derive(build_truth(*(("d", "e-1", at) for at in times))).stays
        return [(row["dwell_s"], row["end"] - row["start"]) for row in stays.to_pylist()]

    assert list_stays(timedelta(seconds=1800)) == [(2400, 2_400_000)]
    assert list_stays(timedelta(seconds=1800, milliseconds=1)) == [(300, 300_000)] * 2


def test_detections_of_one_instant_are_ordered_by_equipment() -> None:
    later = AROUND + timedelta(minutes=10)
    truth = build_truth(("d", "e-2", AROUND), ("d", "e-1", AROUND), ("d", "e-2", later))
    assert derive(truth).stays["path"].to_pylist() == [["e-1", "e-2"]]


def test_an_equipment_visited_twice_has_its_first_rank_and_all_its_dwell() -> None:
    minutes = ((0, "e-1"), (3, "e-2"), (5, "e-1"), (9, "e-1"))
    truth = build_truth(*(("d", equipment, AROUND + timedelta(minutes=at)) for at, equipment in minutes))
    derived = derive(truth)
    passages = [(row["equipment"], row["rank"], row["dwell_s"]) for row in derived.passages.to_pylist()]
    assert passages == [("e-1", 1, (3 + 4) * 60), ("e-2", 2, 2 * 60)]
    steps = [(row["equipment"], row["next"]) for row in derived.steps.to_pylist()]
    assert steps == [("e-1", "e-2"), ("e-2", "e-1"), ("e-1", None)]


@given(truths(), st.integers(0, 100), st.booleans())
def test_the_order_and_encoding_of_detections_make_no_difference(truth: Truth, seed: int, encoded: bool) -> None:
    detections = tables.shuffle_rows(tables.build_detections(truth), seed)
    if encoded:
        detections = detections.set_column(1, "equipment", detections["equipment"].dictionary_encode())
        detections = pa.concat_tables([detections.slice(0, 3), detections.slice(3)], promote_options="permissive")
    assert to_rows(derive(truth, detections)) == to_rows(derive(truth))


def test_days_derived_one_by_one_are_the_same() -> None:
    truth = alpha().truth
    sessions = tables.sessionize_detections(tables.build_detections(truth), truth)
    all_days = derive_presence(sessions, tables.build_rules(truth), EVER)
    days = sorted({*all_days.stays["day"].to_pylist(), *all_days.exits["day"].to_pylist()})
    around = sorted({day + step for day in days for step in (-1, 0, 1)})
    parts = [to_rows(derive_presence(sessions, tables.build_rules(truth), (day, day))) for day in around]
    for name, expected in to_rows(all_days).items():
        assert [row for part in parts for row in part[name]] == expected


# -- changes -----------------------------------------------------------------------------------------------------


@given(truths(), st.data())
def test_days_that_a_change_does_not_affect_are_the_same(truth: Truth, data: st.DataObject) -> None:
    detections = tables.build_detections(truth)
    changes = data.draw(
        st.lists(st.sampled_from([-1, 0, 0, 0, 1]), min_size=detections.num_rows, max_size=detections.num_rows)
    )
    change = pa.array(changes, pa.int64())
    sessions = tables.sessionize_detections(detections.append_column("change", change), truth)
    affected_days = set(find_affected_days(sessions).tolist())
    before, after = (
        to_rows(derive(truth, detections.filter(pa.array([step in side for step in changes], pa.bool_()))))
        for side in ((-1, 0), (0, 1))
    )
    for name in FACTS:
        unaffected = [
            [row for row in rows_of_side[name] if row["day"] not in affected_days] for rows_of_side in (before, after)
        ]
        assert unaffected[0] == unaffected[1]
    if not any(changes):
        assert affected_days == set()


def test_a_change_of_a_long_stay_affects_its_first_and_last_day() -> None:
    hours = [AROUND + timedelta(minutes=20 * n) for n in range(3 * 24 * 10)]
    truth = build_truth(*(("d", "e-1", at) for at in hours))
    change = pa.array([0] * (len(hours) - 1) + [1], pa.int64())
    detections = tables.build_detections(truth).append_column("change", change)
    first, last = tables.to_ordinal(AROUND.date()), tables.to_ordinal(hours[-1].date())
    sessions = tables.sessionize_detections(detections, truth)
    assert find_affected_days(sessions).tolist() == [first, last]
