"""The filters that are compared row by row: alternatives (`any`), days, hours and opening hours."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from okube_api.analytics.directory import Directory
from okube_api.analytics.filter_parts import AnyGroup, FilterTopic, list_groups, list_mixed_groups
from okube_api.analytics.param_groups import PlacedFilters
from okube_api.analytics.places import PlaceSelection
from okube_api.analytics.scope import QuestionScope
from okube_api.analytics.time_resolution import ResolvedTimes, TimeContext, combine_days, load_time_context
from okube_api.catalogue.fact import MINUTE_OF_DAY
from okube_api.catalogue.scopes import CAMPAIGN_SCOPES, PlaceRole, Scope
from okube_api.catalogue.terms import Sums, Term
from okube_api.engine.calendar import Period
from okube_api.engine.question import Question, RowFilter, ValueFilter
from okube_api.errors import Impossible
from okube_api.store.schema import ColumnType

_MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class PartFilters:
    """What a part of `any` filters besides places and time.  See `RowFilter`."""

    filters: tuple[tuple[Scope, ValueFilter], ...] = ()
    selected_campaigns: tuple[str, ...] | None = None


class RequestFilters:
    """The filters of a question on time, and its alternatives."""

    def __init__(self, filters: Sequence[PlacedFilters], context: TimeContext) -> None:
        self.groups = list_groups(filters)
        self._filters, self._context = filters, context

    @classmethod
    async def load(
        cls,
        filters: Sequence[PlacedFilters],
        period: Period,
        scope: QuestionScope,
        directory: Directory,
        places: Mapping[PlaceRole, PlaceSelection],
    ) -> "RequestFilters":
        """Load what the filters need of the places that the question looks at.

        Raise Impossible, with a pointer, for a place whose holidays are not known.
        """
        parts = [part for group in list_groups(filters) for part in group.parts]
        context = await load_time_context([*filters, *parts], period, scope.application, directory, places)
        return cls(filters, context)

    @property
    def mixed_groups(self) -> list[AnyGroup]:
        """The groups of alternatives whose parts are compared row by row."""
        topics = (FilterTopic.SITES, FilterTopic.POIS, FilterTopic.CAMPAIGNS, FilterTopic.DAYS)
        return list_mixed_groups(self.groups, *topics)

    def apply(
        self,
        question: Question,
        places: Mapping[PlaceRole, PlaceSelection],
        resolve_part: Callable[[PlacedFilters], PartFilters] = lambda _: PartFilters(),
    ) -> Question:
        """Return a question with the filters on time and the alternatives.

        resolve_part: what a part filters besides places and time.
        Raise Impossible, with a pointer, for what the rows cannot tell.
        """
        if not self.groups and not any(_has_time_filter(placed) for placed in self._filters):
            return question
        times = self._resolve_times()
        alternatives = tuple(
            tuple(self._build_row_filter(part, places, resolve_part(part)) for part in group.parts)
            for group in self.mixed_groups
        )
        question = replace(
            question,
            weekdays=times.weekdays,
            days=times.days,
            hours=times.hours,
            openings=times.openings,
            alternatives=alternatives,
            notes=(*question.notes, *self._context.notes),
        )
        self._check_hours(question)
        self._check_shares(question)
        return question

    def _resolve_times(self) -> ResolvedTimes:
        times = self._context.resolve(self._filters)
        for group in self.groups:
            if group.is_only_about(FilterTopic.DAYS):
                days = self._context.unite_days(group.parts)
                times = replace(
                    times,
                    days=days if times.days is None else combine_days(times.days, days, frozenset.intersection),
                )
        return times

    def _build_row_filter(
        self, part: PlacedFilters, places: Mapping[PlaceRole, PlaceSelection], part_filters: PartFilters
    ) -> RowFilter:
        times = self._context.resolve([part])
        return RowFilter(
            {
                role: selection.parts[part.pointer]
                for role, selection in places.items()
                if selection.parts.get(part.pointer, selection.ids) != selection.ids  # else all of them pass
            },
            part_filters.filters,
            part_filters.selected_campaigns,
            times.weekdays,
            times.days,
            times.hours,
            times.openings,
        )

    # -- what the rows cannot tell -------------------------------------------------------------------------------

    def _check_hours(self, question: Question) -> None:
        """Raise Impossible for KPIs that are known by the day only, or have no opening hours, under such filters."""
        every = self._list_all()
        for name, problem in (("hours", _lacks_hours), ("opening", _lacks_openings)):
            pointer = next((f"{each.pointer}/{name}" for each in every if getattr(each.filters, name)), None)
            if pointer is not None and (kpis := _list_kpis(question, problem)):
                reason = (
                    "that are known by the day only"
                    if name == "hours"
                    else "without a time of day, or not at sites only"
                )
                message = f"The filter '{name}' cannot be used with KPIs {reason}: {kpis}. Ask for them without it."
                raise Impossible.at("body", pointer, message)

    def _check_shares(self, question: Question) -> None:
        """Raise Impossible for KPIs of what has no site, where the filters differ by site or by campaign."""
        placeless = _list_kpis(question, _lacks_place)
        if placeless and _has_days_by_place(question):
            pointer = next(f"{each.pointer}/days" for each in self._list_all() if each.filters.days is not None)
            message = (
                "The sites of the question have different public holidays, and deliveries, costs and exposures have no "
                f"site: {placeless}. Ask for the sites of one country at a time, with the filter 'sites.country'."
            )
            raise Impossible.at("body", pointer, message)
        for group in self.mixed_groups:
            pointer = group.parts[0].pointer.rpartition("/")[0]
            if placeless:
                topics = " and ".join(sorted(topic.value for topic in group.all_topics))
                message = (
                    f"The parts of 'any' filter {topics}, and deliveries, costs and exposures cannot be told apart by "
                    f"all of these: {placeless}. Use parts that are all about sites, or all about campaigns, or all "
                    "about days; or ask for each part by itself."
                )
                raise Impossible.at("body", pointer, message)
            if FilterTopic.CAMPAIGNS in group.all_topics and (kpis := _list_kpis_by_campaign(question)):
                message = (
                    "The parts of 'any' filter campaigns and something else, and a path has several campaigns, so that "
                    f"these KPIs cannot be broken down by campaigns: {kpis}. Ask for them by sites, or ask for each "
                    "part by itself."
                )
                raise Impossible.at("body", pointer, message)

    def _list_all(self) -> list[PlacedFilters]:
        """Return the filters and the parts of all alternatives."""
        return [*self._filters, *(part for group in self.groups for part in group.parts)]


def _has_time_filter(placed: PlacedFilters) -> bool:
    filters = placed.filters
    return filters.days is not None or filters.hours is not None or bool(filters.opening)


def _has_days_by_place(question: Question) -> bool:
    selections = [question.days, *(part.days for group in question.alternatives for part in group)]
    return any(selection is not None and bool(selection.by_place) for selection in selections)


def _lacks_place(term: Term) -> bool:
    """Return whether rows of a term can be without a site."""
    return term.slice.place is None or term.slice.placeless


def _lacks_hours(term: Term) -> bool:
    return not term.slice.fact.has_hours


def _lacks_openings(term: Term) -> bool:
    place = term.slice.place
    has_minutes = any(column.name == MINUTE_OF_DAY for column in term.slice.fact.columns)
    return not has_minutes or place is None or place[0] is not PlaceRole.SITES


def _list_kpis(question: Question, matches: Callable[[Term], bool]) -> str:
    """Return the names of the KPIs that have such a term, separated by commas."""
    names = (
        requested_kpi.kpi.name
        for requested_kpi in question.requested_kpis
        for requested_scope in requested_kpi.scopes
        for term in question.value_of(requested_kpi.kpi).terms(requested_scope.scope)
        if matches(term)
    )
    return _join(names)


def _list_kpis_by_campaign(question: Question) -> str:
    """Return the names of the KPIs that are broken down by campaigns, and read paths of several campaigns."""
    names = (
        requested_kpi.kpi.name
        for requested_kpi in question.requested_kpis
        for requested_scope in requested_kpi.scopes
        if any(dimension.scope in CAMPAIGN_SCOPES for dimension in requested_scope.dimensions)
        for term in question.value_of(requested_kpi.kpi).terms(requested_scope.scope)
        if isinstance(term, Sums) and _is_path(term)
    )
    return _join(names)


def _is_path(term: Term) -> bool:
    column = term.slice.column(Scope.CAMPAIGNS)
    return column is not None and term.slice.fact.table.type_of(column) is ColumnType.TEXTS


def _join(names: Iterable[str]) -> str:
    distinct = list(dict.fromkeys(names))
    more = f" and {len(distinct) - _MOST_NAMED} more" if len(distinct) > _MOST_NAMED else ""
    return ", ".join(distinct[:_MOST_NAMED]) + more
