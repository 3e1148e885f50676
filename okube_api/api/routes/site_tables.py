"""Tables of sites, whose mapper has short names for the fields of a site."""

from okube_api.api.csv_import import TableSpec
from okube_api.api.table_form import LENGTHS_M, build_table_fields
from okube_api.sites.schemas import SiteAnswer, SiteUpdate

_ALIASES = {
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
    "phone": "phoneNumber",
    "contact_name": "deliveryContact.name",
    "contact_email": "deliveryContact.email",
    "contact_phone": "deliveryContact.phone",
    "presence": "modules.presence",
    "tracking": "modules.tracking",
    "conversion": "modules.conversion",
}

TABLE = TableSpec(
    SiteUpdate,
    SiteAnswer,
    ("name",),
    build_table_fields("SiteTable", SiteUpdate, aliases=_ALIASES, units={"radius": LENGTHS_M}),
)
