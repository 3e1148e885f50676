"""Grouping keys, measures, and strategies for conditions and plans over the corpus of stays."""

from hypothesis import strategies as st
from okube_api.store.conditions import AllOf, AnyOf, Between, Missing, Not, OneOf, Overlaps
from okube_api.store.plans import Aggregate, Band, Count, Each, GroupKey, Max, Measure, Min, Sum

from tests.conformance.declared import STAYS
from tests.conformance.rows import CAMPAIGNS, PLACES

MEASURES: tuple[Measure, ...] = (
    Sum("dwell_s", "dwell"),
    Sum("dwell_s", "weighted", times="weight"),
    Count("n"),
    Min("dwell_s", "least"),
    Max("weight", "most"),
)
KEYS: tuple[GroupKey, ...] = (
    "part",
    "place",
    "active",
    "dwell_s",
    "campaigns",
    Band("dwell_s", (0, 60, 3600), "band"),
    Band("weight", (1,), "single"),
    Each("campaigns", "campaign"),
    Each("counts", "count"),
)

CONDITIONS = st.recursive(
    st.one_of(
        st.builds(Between, st.just("part"), st.none() | st.integers(8, 24), st.none() | st.integers(8, 24)),
        st.builds(OneOf, st.just("part"), st.lists(st.integers(8, 24), max_size=4).map(tuple)),
        st.builds(OneOf, st.just("place"), st.lists(st.sampled_from(PLACES), max_size=3).map(tuple)),
        st.builds(OneOf, st.just("active"), st.lists(st.booleans(), max_size=2).map(tuple)),
        st.builds(Overlaps, st.just("campaigns"), st.lists(st.sampled_from(CAMPAIGNS), max_size=3).map(tuple)),
        st.builds(Between, st.just("dwell_s"), st.integers(-5, 100), st.none() | st.integers(-5, 4000)),
        st.builds(Missing, st.sampled_from(("place", "campaigns", "dwell_s", "users", "ratio"))),
    ),
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(AllOf, st.lists(inner, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(inner, max_size=3).map(tuple)),
    ),
    max_leaves=5,
)
PLANS = st.builds(
    Aggregate,
    st.just(STAYS),
    CONDITIONS,
    st.lists(st.sampled_from(KEYS), max_size=3, unique=True).map(tuple),
    st.lists(st.sampled_from(MEASURES), unique=True).map(tuple),
).filter(lambda plan: bool(plan.by or plan.measures))
