"""Conditions that select documents or rows: frozen nodes, which each store translates with one rule per node."""

from dataclasses import dataclass

from okube_api.store.values import Scalar


class Condition:
    """Base of all conditions; they combine with `&`, `|` and `~`."""

    __slots__ = ()

    def __and__(self, other: "Condition") -> "Condition":
        return AllOf((*_split(self, AllOf), *_split(other, AllOf)))

    def __or__(self, other: "Condition") -> "Condition":
        return AnyOf((*_split(self, AnyOf), *_split(other, AnyOf)))

    def __invert__(self) -> "Condition":
        return Not(self)


@dataclass(frozen=True, slots=True)
class OneOf(Condition):
    """`field` equals one of `values`.  Without values nothing matches; neither does a missing field."""

    field: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Overlaps(Condition):
    """The list in `field` contains at least one of `values`."""

    field: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Between(Condition):
    """`field` lies in [low, high], both included; None leaves that side open.  A missing field does not match."""

    field: str
    low: Scalar | None
    high: Scalar | None


@dataclass(frozen=True, slots=True)
class Contains(Condition):
    """The search text of a document (see `Collection.search`) contains `text`, ignoring case and accents."""

    text: str


@dataclass(frozen=True, slots=True)
class Missing(Condition):
    """`field` is absent or null."""

    field: str


@dataclass(frozen=True, slots=True)
class Not(Condition):
    """`inner` does not match; a field that is missing in `inner` makes this match."""

    inner: Condition


@dataclass(frozen=True, slots=True)
class AllOf(Condition):
    """Every one of `parts` matches; without parts everything matches."""

    parts: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class AnyOf(Condition):
    """At least one of `parts` matches; without parts nothing matches."""

    parts: tuple[Condition, ...] = ()


EVERYTHING = AllOf()
NOTHING = AnyOf()


def equal(field: str, value: Scalar) -> Condition:
    """Return the condition that `field` equals `value`."""
    return OneOf(field, (value,))


def _split(condition: Condition, node: type[AllOf] | type[AnyOf]) -> tuple[Condition, ...]:
    return condition.parts if isinstance(condition, node) else (condition,)
