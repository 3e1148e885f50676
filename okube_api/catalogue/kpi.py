"""The record that a KPI is.  Everything about a KPI sits in its record, and nothing about it anywhere else."""

from dataclasses import dataclass
from enum import StrEnum

from okube_api.catalogue.scopes import Scope
from okube_api.catalogue.value import Value


class Module(StrEnum):
    """The three families of KPIs, as paths name them."""

    GEO_MARKETING = "geo-marketing"
    CONVERSION = "conversion"
    PRESENCE = "presence"


class Unit(StrEnum):
    """What a leaf counts."""

    COUNT = "n"
    SECONDS = "s"
    DAYS = "d"
    METRES = "m"
    MONEY = "EUR"  # the application's currency, whichever it is
    RATIO = "1"
    INDEX = "index"
    MIXED = "mixed"


class KpiKind(StrEnum):
    """How a KPI adds up."""

    ADDITIVE = "A"
    PARTICIPATION = "A*"
    SCOPED = "S"
    DISTINCT = "U"
    RATIO = "R"
    DISTRIBUTION = "D"
    COMPOSITE = "C"


class LeafShape(StrEnum):
    """The shape of an answer's leaf."""

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

    value: what is read and what is made of it.
    scopes: what it can be broken down by, besides globals.
    """

    name: str
    value: Value
    unit: Unit
    kind: KpiKind
    scopes: tuple[Scope, ...]
    title: str
    leaf: LeafShape = LeafShape.NUMBER
