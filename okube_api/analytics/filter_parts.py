"""The parts of `any`: what each is about, and which of them can be united before rows are read."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from okube_api.analytics.param_groups import PlacedFilters
from okube_api.analytics.schemas.filters import Filters


class FilterTopic(StrEnum):
    """What a filter is about."""

    SITES = "sites"
    POIS = "pois"
    CAMPAIGNS = "campaigns"
    ROWS = "areas, equipments or channels"
    DAYS = "days"
    HOURS = "hours"


_TOPICS = {
    "tags": FilterTopic.SITES,
    "levers": FilterTopic.CAMPAIGNS,
    "extras": FilterTopic.CAMPAIGNS,
    **dict.fromkeys(("homes", "works", "zones", "equipments", "channels"), FilterTopic.ROWS),
    **dict.fromkeys(("weekdays", "days"), FilterTopic.DAYS),
    **dict.fromkeys(("hours", "opening"), FilterTopic.HOURS),
}


@dataclass(frozen=True, slots=True)
class AnyGroup:
    """The parts of one `any`, at least one of which must hold, each with what it is about."""

    parts: tuple[PlacedFilters, ...]
    topics: tuple[frozenset[FilterTopic], ...]

    @property
    def all_topics(self) -> frozenset[FilterTopic]:
        """What the parts are about together."""
        return frozenset[FilterTopic]().union(*self.topics)

    def is_only_about(self, topic: FilterTopic) -> bool:
        """Return whether the parts are about one topic, so that what they select can be united."""
        return self.all_topics == {topic}


def list_groups(filters: Iterable[PlacedFilters]) -> tuple[AnyGroup, ...]:
    """Return the group of each `any`; a row must pass each of them."""
    groups = []
    for placed in filters:
        if placed.filters.alternatives:
            parts = tuple(
                PlacedFilters(part, f"{placed.pointer}/any/{index}")
                for index, part in enumerate(placed.filters.alternatives)
            )
            groups.append(AnyGroup(parts, tuple(_list_topics(part.filters) for part in parts)))
    return tuple(groups)


def _list_topics(filters: Filters) -> frozenset[FilterTopic]:
    names: list[str] = [name for name, _, _ in filters.list_grouped()]
    for attribute, field in type(filters).model_fields.items():
        if getattr(filters, attribute) is not None and field.alias is None:
            names.append(attribute)
    return frozenset(map(_find_topic, names))


def _find_topic(name: str) -> FilterTopic:
    kind, _, _ = name.partition(".")
    if kind in _TOPICS:
        return _TOPICS[kind]
    return FilterTopic(kind)


def list_mixed_groups(groups: Sequence[AnyGroup], *united: FilterTopic) -> list[AnyGroup]:
    """Return the groups whose parts must be told apart row by row.

    united: the topics whose parts are united otherwise, if a group is about one of them only.
    """
    return [group for group in groups if not any(group.is_only_about(topic) for topic in united)]
