"""Values of resources by which they are grouped and filtered."""

from typing import Any

import pytest
from okube_api.analytics.group_values import (
    GROUPING_FIELDS,
    LONGEST_NAME,
    NAME_PATTERNS,
    find_grouping_field,
    list_free_names,
)

SITE: dict[str, Any] = {
    "_id": "s",
    "tags": ["flagship", "north"],
    "type": "mall",
    "address": {"city": "Lille", "postalCode": "59000", "country": "France", "other": 1},
    "attributes": {"region": "Nord", "surface": 200.0, "ratio": 0.5, "drive": True, "blank": "", "nothing": None},
}
CAMPAIGN: dict[str, Any] = {
    "provider": "P",
    "agency": "A",
    "format": "F",
    "tags": ["t"],
    "extra": {"segment": "new", "wave": 2},
}


@pytest.mark.parametrize(
    ("name", "document", "values"),
    [
        ("sites.tags", SITE, ("flagship", "north")),
        ("sites.type", SITE, ("mall",)),
        ("sites.city", SITE, ("Lille",)),
        ("sites.postalCode", SITE, ("59000",)),
        ("sites.country", SITE, ("France",)),
        ("sites.attributes.region", SITE, ("Nord",)),
        ("sites.attributes.surface", SITE, ("200",)),
        ("sites.attributes.ratio", SITE, ("0.5",)),
        ("sites.attributes.drive", SITE, ("true",)),
        ("sites.attributes.blank", SITE, ()),
        ("sites.attributes.nothing", SITE, ()),
        ("sites.attributes.absent", SITE, ()),
        ("sites.city", {"_id": "x"}, ()),
        ("sites.city", {"_id": "x", "address": None}, ()),
        ("campaigns.provider", CAMPAIGN, ("P",)),
        ("campaigns.agency", CAMPAIGN, ("A",)),
        ("campaigns.format", CAMPAIGN, ("F",)),
        ("campaigns.tags", CAMPAIGN, ("t",)),
        ("extras.segment", CAMPAIGN, ("new",)),
        ("extras.wave", CAMPAIGN, ("2",)),
        ("pois.type", {"type": "station"}, ("station",)),
        ("pois.tags", {"tags": ["a", "a"]}, ("a",)),
        ("equipments.type", {"type": "wifi"}, ("wifi",)),
    ],
)
def test_a_field_reads_the_values_of_a_document(name: str, document: dict[str, Any], values: tuple[str, ...]) -> None:
    field = find_grouping_field(name)
    assert field is not None
    assert field.read_values(document) == values


def test_postal_codes_are_shortened_to_the_department() -> None:
    assert GROUPING_FIELDS["sites.postalCode"].shorten(2).read_values(SITE) == ("59",)


@pytest.mark.parametrize(
    "name",
    [
        "sites",
        "sites.key",
        "sites.attributes",
        "sites.attributes.",
        "sites.attributes.a.b",
        f"sites.attributes.{'x' * (LONGEST_NAME + 1)}",
        "extras.",
        "campaigns.lever",
        "",
    ],
)
def test_other_names_are_no_fields(name: str) -> None:
    assert find_grouping_field(name) is None


def test_the_names_of_attributes_are_those_that_sites_have() -> None:
    field = find_grouping_field("sites.attributes.x")
    assert field is not None
    assert field.has_free_name
    documents = [SITE, {"attributes": {"region": 1, "zone": 2}}, {"_id": "none"}]
    assert list_free_names(documents, field) == ["blank", "drive", "nothing", "ratio", "region", "surface", "zone"]


def test_fields_with_a_fixed_name_are_listed_by_their_name() -> None:
    assert all(
        find_grouping_field(name) is field and not field.has_free_name for name, field in GROUPING_FIELDS.items()
    )
    assert all(pattern.endswith("<name>") for pattern in NAME_PATTERNS.values())
