"""Dimensions: what the values of an answer are broken down by.

A dimension is a scope, or groups of the values of a scope: `sites` by their region, `campaigns` by their provider.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from okube_api.catalogue.scopes import Scope
from okube_api.engine.campaigns import UNKNOWN, CampaignRecord, get_campaign_scope_values

REMAINDER = "others"
"""The entry of everything that is not shown."""
_UNKNOWN = (UNKNOWN,)


@dataclass(frozen=True, eq=False, slots=True)
class ValueGroups:
    """The groups of each value of a scope: any number of them; a value without an entry is in `unknown`.

    They are compared by identity.
    """

    by_value: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Cut:
    """Which values of a dimension remain when only some of them are shown.

    shown: the values that are shown.
    has_shown: whether these remain.
    has_remainder: whether the other values remain, as the one value `others`.
    """

    shown: frozenset[str]
    has_shown: bool
    has_remainder: bool

    def apply(self, values: Sequence[str]) -> tuple[str, ...]:
        """Return what remains of the values of a row."""
        shown = tuple(value for value in values if value in self.shown)
        has_more = self.has_remainder and len(shown) < len(values)
        return (*(shown if self.has_shown else ()), *((REMAINDER,) if has_more else ()))


@dataclass(frozen=True, slots=True)
class Dimension:
    """A scope, or groups of its values.

    label: its name in requests and answers when it is not that of the scope, such as `sites.attributes.region`.
    groups: None when each value is a group of its own.
    cut: None when all groups remain.
    """

    scope: Scope
    label: str = ""
    groups: ValueGroups | None = None
    cut: Cut | None = None

    @property
    def name(self) -> str:
        """Its name in requests and answers."""
        return self.label or self.scope.value

    @property
    def is_plain(self) -> bool:
        """Whether each value of a row is a value of the dimension."""
        return self.groups is None and self.cut is None and self.scope not in (Scope.LEVERS, Scope.EXTRAS)

    @property
    def expression_scope(self) -> Scope:
        """The scope whose expressions compute a KPI.

        Groups of a scope are computed like the scope, from the rows of all its values; groups of campaigns like levers
        (which are groups of campaigns, too).
        """
        return Scope.LEVERS if self.scope is Scope.CAMPAIGNS and self.groups is not None else self.scope

    def list_values(
        self, values: Sequence[str | None], campaigns: Mapping[str, CampaignRecord]
    ) -> list[tuple[str, ...]]:
        """Return, for each value of the scope's column, the values of the dimension to which its rows belong."""
        if self.groups is not None:
            by_value = self.groups.by_value
            lists = [by_value.get(value or "") or _UNKNOWN for value in values]
        elif self.scope in (Scope.LEVERS, Scope.EXTRAS):
            lists = [
                _UNKNOWN if value is None else get_campaign_scope_values(value, self.scope, campaigns)
                for value in values
            ]
        else:
            lists = [_UNKNOWN if value is None else (value,) for value in values]
        return lists if self.cut is None else [self.cut.apply(each) for each in lists]


_PRECEDENCE = (Scope.EQUIPMENTS, Scope.CAMPAIGNS, Scope.SITES)
"""Of two dimensions, the first of these scopes computes a KPI: rows by equipment have a site, too."""


def get_expression_scope(dimensions: Sequence[Dimension]) -> Scope:
    """Return the scope whose expressions compute a KPI by these dimensions together."""
    scopes = [dimension.expression_scope for dimension in dimensions]
    return next((scope for scope in _PRECEDENCE if scope in scopes), scopes[0] if scopes else Scope.GLOBALS)


def has_scope(dimensions: Sequence[Dimension], scope: Scope) -> bool:
    """Return whether one of the dimensions is of a scope."""
    return any(dimension.scope is scope for dimension in dimensions)


def list_scopes(dimensions: Sequence[Dimension]) -> tuple[Scope, ...]:
    """Return the scope of each dimension."""
    return tuple([dimension.scope for dimension in dimensions])
