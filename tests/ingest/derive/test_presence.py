"""Stays, passages, steps and exits against their definition in plain Python."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from okube_api.catalogue.facts import (
    PRESENCE_EXITS,
    PRESENCE_PASSAGE_EXITS,
    PRESENCE_PASSAGES,
    PRESENCE_STAYS,
    PRESENCE_STEPS,
    Fact,
)
from okube_api.ingest.columns.columns import Span
from okube_api.ingest.derive.presence import PresenceTables, derive_presence
from okube_api.ingest.derive.sessionize import find_affected_days
from okube_api.store.column_types import ARROW_TYPES
from tests.by_hand.truth import Detection, Equipment, Place, Truth
from tests.ingest.derive import tables
from tests.truth.tenant import alpha, beta

EVER = (1, 40_000)
FACTS = {
    "stays": PRESENCE_STAYS,
    "passages": PRESENCE_PASSAGES,
    "steps": PRESENCE_STEPS,
    "exits": PRESENCE_EXITS,
    "passage_exits": PRESENCE_PASSAGE_EXITS,
}
MARKS = {"visitor_day", "new_place", "new_application"}

# clocks go forward in the night to 2024-03-31 in Paris, a week later in Sydney they go back
AROUND = datetime(2024, 3, 30, 20, 0, tzinfo=UTC)
SITES = (Place("s-b", "b", "B", timezone="Europe/Paris"), Place("s-a", "a", "A", timezone="Australia/Lord_Howe"))
EQUIPMENTS = (Equipment("e-2", "2", "s-b"), Equipment("e-1", "1", "s-b"), Equipment("e-3", "3", "s-a"))


def derived(truth: Truth, detections: pa.Table | None = None, span: Span = EVER) -> PresenceTables:
    found = tables.detections(truth) if detections is None else detections
    return derive_presence(tables.runs(found, truth), tables.rules(truth), span)


def rows(found: PresenceTables) -> dict[str, list[dict[str, Any]]]:
    return {name: getattr(found, name).to_pylist() for name in FACTS}


def truth_of(*seen: tuple[str, str, datetime], gap_s: int = 1800, minimum_s: int = 120) -> Truth:
    detections = [Detection(*one) for one in seen]
    return Truth(sites=SITES, equipments=EQUIPMENTS, detections=detections, presence_gap_s=gap_s, minimum_s=minimum_s)


@st.composite
def truths(draw: st.DrawFn) -> Truth:
    """Detections whose silences are often just the gap, over the nights of three days."""
    pauses = st.sampled_from([0, 1, 999, 1000, 59_000, 119_999, 120_000, 1_799_999, 1_800_000, 1_800_001, 20_000_000])
    seen = []
    for device in draw(st.lists(st.sampled_from(["d1", "d2", "d3"]), max_size=4)):
        at = AROUND + timedelta(minutes=draw(st.integers(0, 4000)))
        for pause in draw(st.lists(pauses, max_size=8)):
            at += timedelta(milliseconds=pause)
            seen.append((device, draw(st.sampled_from(EQUIPMENTS)).id, at))
    return truth_of(*dict.fromkeys(seen))


@pytest.mark.parametrize("tenant", [alpha, beta])
def test_rows_of_a_tenant(tenant: Any) -> None:
    truth = tenant().truth
    found = rows(derived(truth))
    assert len(found["stays"]) > 30
    assert found == tables.presence_rows(truth)


@pytest.mark.parametrize("name", FACTS)
def test_columns_are_those_declared(name: str) -> None:
    fact: Fact = FACTS[name]
    declared = {"day": pa.int64()} | {
        column.name: ARROW_TYPES[column.type] for column in fact.columns if column.name not in MARKS
    }
    for truth in (alpha().truth, truth_of()):
        schema = getattr(derived(truth), name).schema
        assert {one.name: tables.plain(one.type) for one in schema} == declared


@given(truths())
def test_rows_of_random_detections(truth: Truth) -> None:
    assert rows(derived(truth)) == tables.presence_rows(truth)


def test_no_detection_makes_no_row() -> None:
    assert all(found == [] for found in rows(derived(truth_of())).values())


def test_no_equipment_makes_no_row() -> None:
    found = tables.runs(tables.detections(alpha().truth), Truth(sites=SITES))
    assert all(made == [] for made in rows(derive_presence(found, tables.rules(Truth()), EVER)).values())


def test_detections_by_an_unknown_equipment_are_left_out() -> None:
    at = [AROUND + timedelta(minutes=n) for n in range(4)]
    truth = truth_of(("d", "e-1", at[0]), ("d", "e-1", at[3]))
    more = truth_of(("d", "e-1", at[0]), ("d", "gone", at[1]), ("d", "e-1", at[3]))
    assert rows(derived(truth, tables.detections(more))) == tables.presence_rows(truth)


def test_the_gap_is_still_one_stay_and_a_millisecond_more_is_not() -> None:
    def seen(pause: timedelta) -> list[tuple[int, int]]:
        times = [AROUND, AROUND + timedelta(minutes=5)]
        times += [times[-1] + pause, times[-1] + pause + timedelta(minutes=5)]
        found = derived(truth_of(*(("d", "e-1", at) for at in times))).stays
        return [(row["dwell_s"], row["end"] - row["start"]) for row in found.to_pylist()]

    assert seen(timedelta(seconds=1800)) == [(2400, 2_400_000)]
    assert seen(timedelta(seconds=1800, milliseconds=1)) == [(300, 300_000)] * 2


def test_detections_of_one_instant_go_by_equipment() -> None:
    later = AROUND + timedelta(minutes=10)
    truth = truth_of(("d", "e-2", AROUND), ("d", "e-1", AROUND), ("d", "e-2", later))
    assert derived(truth).stays["path"].to_pylist() == [["e-1", "e-2"]]


def test_an_equipment_met_twice_keeps_its_first_rank_and_all_its_dwell() -> None:
    minutes = ((0, "e-1"), (3, "e-2"), (5, "e-1"), (9, "e-1"))
    truth = truth_of(*(("d", equipment, AROUND + timedelta(minutes=at)) for at, equipment in minutes))
    found = derived(truth)
    passages = [(row["equipment"], row["rank"], row["dwell_s"]) for row in found.passages.to_pylist()]
    assert passages == [("e-1", 1, (3 + 4) * 60), ("e-2", 2, 2 * 60)]
    steps = [(row["equipment"], row["next"]) for row in found.steps.to_pylist()]
    assert steps == [("e-1", "e-2"), ("e-2", "e-1"), ("e-1", None)]


@given(truths(), st.integers(0, 100), st.booleans())
def test_the_order_and_encoding_of_detections_make_no_difference(truth: Truth, seed: int, encoded: bool) -> None:
    found = tables.shuffled(tables.detections(truth), seed)
    if encoded:
        found = found.set_column(1, "equipment", found["equipment"].dictionary_encode())
        found = pa.concat_tables([found.slice(0, 3), found.slice(3)], promote_options="permissive")
    assert rows(derived(truth, found)) == rows(derived(truth))


def test_days_one_by_one_are_all_of_them() -> None:
    truth = alpha().truth
    found = tables.runs(tables.detections(truth), truth)
    whole = derive_presence(found, tables.rules(truth), EVER)
    days = sorted({*whole.stays["day"].to_pylist(), *whole.exits["day"].to_pylist()})
    around = sorted({day + beside for day in days for beside in (-1, 0, 1)})
    parts = [rows(derive_presence(found, tables.rules(truth), (day, day))) for day in around]
    for name, expected in rows(whole).items():
        assert [row for part in parts for row in part[name]] == expected


# -- changes -----------------------------------------------------------------------------------------------------


@given(truths(), st.data())
def test_days_that_a_change_does_not_touch_stay_as_they_were(truth: Truth, data: st.DataObject) -> None:
    everything = tables.detections(truth)
    changes = data.draw(
        st.lists(st.sampled_from([-1, 0, 0, 0, 1]), min_size=everything.num_rows, max_size=everything.num_rows)
    )
    change = pa.array(changes, pa.int64())
    both = tables.runs(everything.append_column("change", change), truth)
    touched = set(find_affected_days(both).tolist())
    before, after = (
        rows(derived(truth, everything.filter(pa.array([one in kept for one in changes], pa.bool_()))))
        for kept in ((-1, 0), (0, 1))
    )
    for name in FACTS:
        left = [[row for row in side[name] if row["day"] not in touched] for side in (before, after)]
        assert left[0] == left[1]
    if not any(changes):
        assert touched == set()


def test_a_device_that_never_leaves_touches_the_ends_of_its_stay_only() -> None:
    hours = [AROUND + timedelta(minutes=20 * n) for n in range(3 * 24 * 10)]
    truth = truth_of(*(("d", "e-1", at) for at in hours))
    change = pa.array([0] * (len(hours) - 1) + [1], pa.int64())
    found = tables.detections(truth).append_column("change", change)
    first, last = tables.ordinal(AROUND.date()), tables.ordinal(hours[-1].date())
    whole = tables.runs(found, truth)
    assert find_affected_days(whole).tolist() == [first, last]
    assert find_affected_days(whole, exits=False).tolist() == [first]
