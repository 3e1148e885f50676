"""The record of a KPI.  Everything about a KPI is in its record, and nothing about it is anywhere else."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum

from okube_api.catalogue.scopes import Scope
from okube_api.catalogue.value import Value


class Module(StrEnum):
    """The modules of KPIs, as URLs name them."""

    GEO_MARKETING = "geo-marketing"
    CONVERSION = "conversion"
    PRESENCE = "presence"
    PERFORMANCE = "performance"


class Unit(StrEnum):
    """The unit of a leaf."""

    COUNT = "n"
    SECONDS = "s"
    DAYS = "d"
    METRES = "m"
    MONEY = "EUR"  # the currency of the application
    RATIO = "1"
    INDEX = "index"
    MIXED = "mixed"


class KpiKind(StrEnum):
    """How the values of a KPI add up over days and scopes."""

    ADDITIVE = "A"
    PARTICIPATION = "A*"
    SCOPED = "S"
    DISTINCT = "U"
    RATIO = "R"
    DISTRIBUTION = "D"
    COMPOSITE = "C"


class LeafShape(StrEnum):
    """The shape of a leaf of an answer."""

    NUMBER = "N"
    DISTRIBUTION = "DIST"
    BREAKDOWN = "BRK"
    CAPTURE = "VVP"
    VISITS_AND_CONVERSIONS = "VAC"
    ATTRIBUTIONS = "ATT"
    TWO_TOUCHES = "TCH2"
    THREE_TOUCHES = "TCH3"
    LEVER = "LEV"
    COMPARISON = "CMP"
    AFFINITY = "AFF"
    MATRIX = "MTX"
    ORDER = "ORD"
    PER_CAMPAIGN = "PER"


@dataclass(frozen=True, slots=True)
class Kpi:
    """A key performance indicator.

    value: what to read and what to compute from it.
    title: its definition.
    meaning: what it tells, for readers who do not know the field.
    scopes: the scopes it can be broken down by, besides globals.
    filtered: expressions to use instead of `value` in a question with a filter on the scope.
    hourly: the expression to use instead of `value` by hour.
    """

    name: str
    value: Value
    unit: Unit
    kind: KpiKind
    scopes: tuple[Scope, ...]
    title: str
    meaning: str
    leaf: LeafShape = LeafShape.NUMBER
    filtered: tuple[tuple[Scope, Value], ...] = ()
    hourly: Value | None = None

    def by_hour(self) -> "Kpi":
        """Return the KPI as it is computed by hour."""
        return self if self.hourly is None else replace(self, value=self.hourly)

    def value_under(self, filters: Collection[Scope]) -> Value:
        """Return the expression to use in a question with filters on these scopes."""
        return next((value for scope, value in self.filtered if scope in filters), self.value)
