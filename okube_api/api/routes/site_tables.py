"""Tables of sites, with a mapping from the fields of a site to the columns of the file."""

from typing import Any

from pydantic import Field

from okube_api.api.csv_import import TableForm, TableSpec
from okube_api.kit.schemas import UNSET, Body, Text
from okube_api.sites.schemas import SiteAnswer, SiteUpdate
from okube_api.tables.parsing import ID_COLUMN

_COLUMNS = {
    "key": "key",
    "additional_keys": "keys",
    "name": "name",
    "street_number": "address.streetNumber",
    "street": "address.street",
    "postal_code": "address.postalCode",
    "city": "address.city",
    "country": "address.country",
    "latitude": "latitude",
    "longitude": "longitude",
    "timezone": "timezone",
    "contact_name": "deliveryContact.name",
    "contact_email": "deliveryContact.email",
    "contact_phone": "deliveryContact.phone",
    "presence": "modules.presence",
    "tracking": "modules.tracking",
    "conversion": "modules.conversion",
}


class Mapper(Body):
    """Name of the file's column for each field."""

    id: bool = Field(UNSET, description="Whether the `_id` column of the file identifies existing sites.")
    key: Text = UNSET
    additional_keys: Text = Field(UNSET, description="Column with several keys in a cell, separated by `|`.")
    name: Text = UNSET
    street_number: Text = UNSET
    street: Text = UNSET
    postal_code: Text = UNSET
    city: Text = UNSET
    country: Text = UNSET
    latitude: Text = UNSET
    longitude: Text = UNSET
    timezone: Text = UNSET
    contact_name: Text = UNSET
    contact_email: Text = UNSET
    contact_phone: Text = UNSET
    presence: Text = UNSET
    tracking: Text = UNSET
    conversion: Text = UNSET


class SiteTableForm(TableForm):
    """Form fields that accompany a table of sites; without `mapper`, its columns are named like a site's fields."""

    mapper: Mapper = UNSET


def map_columns(form: Any) -> dict[str, str] | None:
    """Return the file's column for each field of a site; None without a mapper."""
    mapper: Mapper | None = form.mapper
    if mapper is None:
        return None
    columns = {_COLUMNS[name]: column for name, column in mapper.dump_set_fields().items() if name != "id"}
    return columns | ({ID_COLUMN: ID_COLUMN} if mapper.id else {})


TABLE = TableSpec(SiteUpdate, SiteAnswer, ("name",), SiteTableForm, map_columns)
