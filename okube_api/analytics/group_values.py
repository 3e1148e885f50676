"""Reads the values that resources are grouped and filtered by: tags, types, addresses, attributes, extras.

A grouping field is named by its kind of resource and the field: `sites.tags`, `campaigns.provider`, `extras.segment`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from okube_api.campaigns.extras import format_scalar
from okube_api.catalogue.scopes import Scope
from okube_api.store.values import Json

SITE_PREFIX = "sites."
ATTRIBUTE_PREFIX = f"{SITE_PREFIX}attributes."
EXTRA_PREFIX = "extras."
LONGEST_NAME = 250
"""The characters of the name of an attribute or extra."""


@dataclass(frozen=True, slots=True)
class GroupingField:
    """A field of resources by whose values they are grouped and filtered.

    name: as requests have it.
    scope: whose resources have the values: sites, POIs, campaigns or equipments.
    path: of the field in a document.
    digits: how many characters of the value to read; None reads all.
    """

    name: str
    scope: Scope
    path: tuple[str, ...]
    digits: int | None = None

    @property
    def has_free_name(self) -> bool:
        """Whether the resources themselves say which fields of this kind there are."""
        return self.name.startswith((ATTRIBUTE_PREFIX, EXTRA_PREFIX))

    def shorten(self, digits: int | None) -> "GroupingField":
        """Return the field with only the first characters of its values, for postal codes."""
        return replace(self, digits=digits)

    def read_values(self, document: Json) -> tuple[str, ...]:
        """Return the values of a resource, each once; none when it has no such field, or an empty one.

        document: of the resource, with the fields that `Directory.load_details` reads.
        """
        value: Any = document
        for step in self.path:
            value = value.get(step) if isinstance(value, dict) else None
        texts = [format_value(item) for item in (value if isinstance(value, list) else (value,))]
        return tuple(dict.fromkeys(text[: self.digits] for text in texts if text))


POSTAL_CODE = "sites.postalCode"
"""The field whose values are also given by their first characters."""
_FIXED_FIELDS = (
    GroupingField("sites.tags", Scope.SITES, ("tags",)),
    GroupingField("sites.type", Scope.SITES, ("type",)),
    GroupingField("sites.city", Scope.SITES, ("address", "city")),
    GroupingField(POSTAL_CODE, Scope.SITES, ("address", "postalCode")),
    GroupingField("sites.country", Scope.SITES, ("address", "country")),
    GroupingField("campaigns.provider", Scope.CAMPAIGNS, ("provider",)),
    GroupingField("campaigns.agency", Scope.CAMPAIGNS, ("agency",)),
    GroupingField("campaigns.format", Scope.CAMPAIGNS, ("format",)),
    GroupingField("campaigns.tags", Scope.CAMPAIGNS, ("tags",)),
    GroupingField("pois.tags", Scope.POIS, ("tags",)),
    GroupingField("pois.type", Scope.POIS, ("type",)),
    GroupingField("equipments.type", Scope.EQUIPMENTS, ("type",)),
)
GROUPING_FIELDS: Mapping[str, GroupingField] = {field.name: field for field in _FIXED_FIELDS}
"""The fields with a fixed name; `find_grouping_field` also finds attributes of sites and extras of campaigns."""
NAME_PATTERNS: Mapping[Scope, str] = {
    Scope.SITES: f"{ATTRIBUTE_PREFIX}<name>",
    Scope.CAMPAIGNS: f"{EXTRA_PREFIX}<name>",
}
"""How the names of the other fields look, by the resources that have them."""
_FREE_FIELDS = ((ATTRIBUTE_PREFIX, Scope.SITES, "attributes"), (EXTRA_PREFIX, Scope.CAMPAIGNS, "extra"))


def find_grouping_field(name: str) -> GroupingField | None:
    """Return the field of a name; None when it is no name of a field.

    Whether a resource has the attribute or extra is not checked: see `list_free_names`.
    """
    if name in GROUPING_FIELDS:
        return GROUPING_FIELDS[name]
    for prefix, scope, parent in _FREE_FIELDS:
        free_name = name.removeprefix(prefix)
        if name.startswith(prefix) and 0 < len(free_name) <= LONGEST_NAME and "." not in free_name:
            return GroupingField(name, scope, (parent, free_name))
    return None


def list_free_names(documents: Iterable[Json], field: GroupingField) -> list[str]:
    """Return the names of all attributes or extras that resources have, sorted, of the kind of `field`."""
    return sorted({name for document in documents for name in document.get(field.path[0]) or ()})


def format_value(value: Any) -> str:
    """Return a value as answers and filters have it: other values than texts as JSON, null as an empty text."""
    return "" if value is None else format_scalar(value)
