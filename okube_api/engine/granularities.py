"""Says which granularities a KPI has, from the rows that it reads."""

from collections.abc import Sequence

from okube_api.catalogue.kpi import Kpi
from okube_api.engine.calendar import HOURLY, Granularity, Mode
from okube_api.engine.dimensions import Dimension, get_expression_scope


def find_granularity_problem(
    kpi: Kpi, dimensions: Sequence[Dimension], mode: Mode, granularity: Granularity
) -> str | None:
    """Return why a KPI has no buckets of a granularity, by these dimensions; None when it has.

    Whether the application has a fiscal calendar is not checked.
    """
    if granularity not in HOURLY:
        return None
    if granularity is Granularity.HOUR_OF_WEEK and mode is Mode.HISTOGRAM:
        return (
            f"Granularity '{granularity}' is only for the mode '{Mode.AGGREGATION}'. Use that mode, or '"
            f"{Granularity.HOUR}'."
        )
    for term in kpi.by_hour().value.terms(get_expression_scope(dimensions)):
        if not term.slice.fact.has_hours:
            return (
                f"KPI '{kpi.name}' has no granularity '{granularity}': it needs {term.slice.fact.noun}, which are "
                f"known by the day only. Use '{Granularity.DAY}' or a longer one."
            )
        if term.daily:
            return (
                f"KPI '{kpi.name}' has no granularity '{granularity}': it is about whole days of a visitor. Use "
                f"'{Granularity.DAY}' or a longer one."
            )
    return None
