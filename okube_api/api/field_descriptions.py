"""Descriptions of fields and parameters in the OpenAPI document whose models have no description.

Most names have one meaning in all schemas, and therefore one text.
"""

from collections.abc import Mapping

from okube_api.store.values import Json

_WINDOW = "Lookback window for {touches}, in days."
_HOURS = "Opening hours on {day}, as pairs of start and end; null or an empty list: closed."

DESCRIPTIONS: Mapping[str, str] = {
    "_$paginated": "The page, and the total number of matches.",
    "_cachedLeverName": "Name of the campaign's lever.",
    "_cachedLeverTrigger": "Whether the campaign's lever is a trigger lever.",
    "_id": "Id of the resource, 24 hex digits.",
    "active": "Whether it is in use.",
    "address": "Postal address.",
    "agency": "Agency of the campaign.",
    "algorithm": "Hash function of the captcha.",
    "amount": "Amount, in the currency of the cost; for `cpm`, `cpc` and `cpo` the price of a unit.",
    "any": "Alternatives: at least one of these parts must hold, besides the other filters.",
    "application": "Id of the application.",
    "applications": "Applications and the user's role in each.",
    "attributes": "Additional properties; any names are allowed.",
    "attribution": "How outcomes are attributed to campaigns.",
    "auth": "The token and its user.",
    "bands": "Lower edges of the bands of distributions.",
    "calendar": "Calendar of the granularities `week`, `fiscalMonth`, `fiscalQuarter` and `fiscalYear`.",
    "campaigns": "Only outcomes with one of these campaigns in their path.",
    "campaigns.agency": "Only campaigns of these agencies.",
    "campaigns.format": "Only campaigns with these formats.",
    "campaigns.provider": "Only campaigns of these providers.",
    "campaigns.tags": "Only campaigns with one of these tags.",
    "capacity": "Number of people for whom there is room.",
    "captchaPayload": "The solution of the captcha of `GET /auth/captcha`; required when the account is locked.",
    "challenge": "Hash of the salt and the number to find.",
    "channels": "Only visits and purchases of these channels: `offline`, `online`.",
    "city": "City.",
    "click": _WINDOW.format(touches="clicks"),
    "code": "Reason, for programs.",
    "conversion": "Whether the site uses the module conversion.",
    "coordinates": "Position, as [longitude, latitude] in degrees.",
    "costs": "Costs of the campaign.",
    "country": "Country.",
    "created": "Number of created resources.",
    "createdAt": "Instant of the creation.",
    "currency": "Currency, by its code of ISO 4217.",
    "current": "The current password.",
    "dates": "Only these local days, or (`not`) only the others.",
    "days": "Only some days: by day of the week, holiday or date.",
    "deliveryContact": "Contact for deliveries.",
    "description": "Description, for people.",
    "disabled": "Whether the role is suspended: a disabled role allows nothing.",
    "documents": "The resources of this page.",
    "email": "E-mail address.",
    "encoding": "Encoding of the file.",
    "equipments": "Only stays with a passage at one of these equipments.",
    "equipments.type": "Only stays with a passage at an equipment of one of these types.",
    "expiresAt": "Instant of expiry; null for never.",
    "extra": "Extras: additional properties; any names are allowed.",
    "extras": "Only outcomes with a campaign in their path that has one of these extras, as `name:value`.",
    "file": "The file.",
    "filters": "Filters that limit the question.",
    "format": "Format of the campaign, such as `banner`.",
    "friday": _HOURS.format(day="Fridays"),
    "from": "First day.",
    "geometry": "The outline, as a GeoJSON Polygon or MultiPolygon; an empty object where there is none.",
    "granularity": "Length of a bucket.",
    "hasDraft": "Whether there is a draft of changes.",
    "has_more": "Whether there are pages after this one.",
    "homes": "Only users who live in one of these areas.",
    "hours": "Only what starts (an exit: ends) in one of these hours of the local day, 0 to 23.",
    "in": "Part of the request: `body`, `query`, `path` or `header`.",
    "inProd": "Whether it is in production.",
    "indexes": "H3 cells.",
    "indoorIndexes": "H3 cells of the indoor zone.",
    "key": "Key, unique among the resources of its kind in the application.",
    "keys": "Alternative keys.",
    "kind": "Kind of the events.",
    "kpi": "Name of the KPI.",
    "lat": "Latitude of the centroid, in degrees.",
    "level": "Number of floors.",
    "lever": "Id of the lever.",
    "levers": "Only outcomes with a campaign of one of these levers in their path.",
    "lng": "Longitude of the centroid, in degrees.",
    "login": "E-mail address with which the user logs in.",
    "match": "Which campaigns belong to the lever.",
    "maxnumber": "Largest number to try.",
    "message": "Reason, for people.",
    "meta": "Context of the answer.",
    "mode": "Whether buckets are periods (`histogram`) or categories of days (`aggregation`).",
    "module": "Module of the KPI.",
    "modules": "Modules that the site uses.",
    "monday": _HOURS.format(day="Mondays"),
    "name": "Name, for people.",
    "new": "The new password.",
    "not": "The values to exclude.",
    "online": "Whether this is an online site.",
    "opening": _WINDOW.format(touches="openings"),
    "openings": "Opening hours by weekday.",
    "outdoorIndexes": "H3 cells of the outdoor zone.",
    "page": "Number of this page, from 1.",
    "page_count": "Number of pages.",
    "parameters": "Parameters that the study was created with.",
    "params": "The KPIs to answer.",
    "parent": "Id of the site or point of interest that contains this one.",
    "password": "Password.",
    "per_page": "Maximum number of resources of a page.",
    "phone": "Phone number.",
    "phoneNumber": "Phone number.",
    "pointer": "Place of the fault, as a JSON Pointer (RFC 6901).",
    "pois": "Points of interest.",
    "pois.tags": "Only points of interest with one of these tags.",
    "pois.type": "Only points of interest of these types.",
    "postalCode": "Postal code.",
    "presence": "Whether the site uses the module presence.",
    "print": _WINDOW.format(touches="prints"),
    "properties": "Properties of each scope value in the answer.",
    "provider": "Provider of the campaign.",
    "publicHolidays": "Only public holidays (true), or only other days (false).",
    "radius": "Radius in metres.",
    "reason": "Reason, for people.",
    "resolution": "Resolution of the cells.",
    "results": "One element for each param and scope.",
    "role": "Role in the application.",
    "salt": "Text in front of the number.",
    "saturday": _HOURS.format(day="Saturdays"),
    "schoolHolidays": "Only school holidays of these zones of France, or (false) only days without any.",
    "scope": "Scope that the values are answered by.",
    "settings": "Settings; those that are absent keep their values.",
    "signature": "Signature of the challenge, to send back with the solution.",
    "site": "Id of the site.",
    "sites": "Sites.",
    "sites.city": "Only sites in these cities.",
    "sites.country": "Only sites in these countries, as their addresses name them.",
    "sites.postalCode": "Only sites whose postal code begins so.",
    "sites.tags": "Only sites with one of these tags.",
    "sites.type": "Only sites of these types.",
    "status": "State.",
    "stays": "How pings become stays.",
    "street": "Street.",
    "streetNumber": "Number in the street.",
    "success": "Whether the login succeeded.",
    "sunday": _HOURS.format(day="Sundays"),
    "survivesPasswordChange": "Whether the key stays valid when its user changes the password.",
    "tags": "Tags.",
    "thumbnail": "Picture of the site, PNG or JPEG.",
    "thursday": _HOURS.format(day="Thursdays"),
    "timezone": "Time zone, by its IANA name.",
    "title": "Short reason, for people.",
    "to": "Last day, included.",
    "token": "The token, to send as `Authorization: Bearer TOKEN`.",
    "total": "Number of matches on all pages.",
    "tracking": "Whether the site uses the module tracking.",
    "trigger": "Whether campaigns of this lever are triggered by events.",
    "tuesday": _HOURS.format(day="Tuesdays"),
    "type": "Type; any text.",
    "unchanged": "Number of resources that the file did not change.",
    "updated": "Number of updated resources.",
    "updatedAt": "Instant of the last change.",
    "uplift": "Whether values are uplifted by the weights of panelists.",
    "user": "The user.",
    "value": "Value.",
    "wednesday": _HOURS.format(day="Wednesdays"),
    "weekdays": "Only these days of the week.",
    "windows": "Lookback windows in days, by kind of touch.",
    "works": "Only users who work in one of these areas.",
}
"""By the name of the field or parameter."""

OWN_DESCRIPTIONS: Mapping[str, Mapping[str, str]] = {
    "ApplicationSettings": {"presence": "How Wi-Fi detections become stays."},
    "AreaAnswer": {"code": "IRIS code of the area."},
    "Authentication": {"type": "Type of the token."},
    "CampaignAnswer": {"sites": "Ids of the campaign's sites; none: the campaign is global."},
    "CampaignUpdate": {"sites": "Ids or keys of the campaign's sites; none: the campaign is global."},
    "CaptchaAnswer": {"signature": "Signature of the challenge, to send back with the solution."},
    "ConversionFilters": {"sites": "Only outcomes at these sites.", "tags": "Only sites with one of these tags."},
    "Extra": {"key": "Name of the extra.", "value": "Value of the extra."},
    "GeoMarketingFilters": {
        "pois": "Only these points of interest of the study.",
        "sites": "Only stays at these sites.",
        "tags": "Only sites with one of these tags.",
    },
    "GeoMarketingSiteFilters": {"pois": "Only these points of interest of the study."},
    "KeyAnswer": {"applications": "Ids of the allowed applications; null: all.", "role": "Highest role allowed."},
    "KpiShown": {"description": "Definition of the KPI."},
    "LeverMatch": {
        "agency": "Agencies, any of which matches.",
        "format": "Formats, any of which matches.",
        "provider": "Providers, any of which matches.",
    },
    "LoginAnswer": {"message": "The result, for people."},
    "NewKey": {"applications": "Ids of the allowed applications; null: all.", "role": "Highest role allowed."},
    "PoiAnswer": {"sites": "Ids of the related sites."},
    "PresenceFilters": {"sites": "Only stays at these sites.", "tags": "Only sites with one of these tags."},
    "Problem": {"status": "Status code of the answer.", "type": "Kind of the problem, as a URN."},
    "SiteAnswer": {"thumbnail": "URL of the picture; null without one."},
    "StudyAnswer": {"pois": "Ids of the points of interest.", "sites": "Ids of the sites."},
    "StudyCreate": {"pois": "Ids or keys of the points of interest.", "sites": "Ids or keys of the sites."},
    "StudyUpdate": {"pois": "Ids or keys of the points of interest.", "sites": "Ids or keys of the sites."},
}
"""By the name of the schema and the name of its field, where the text above does not fit."""

PARAMETERS: Mapping[str, str] = {
    "active": "Only resources that are active (`true`) or inactive (`false`).",
    "agency": "Only campaigns of this agency.",
    "format": "Only campaigns of this format.",
    "hasDraft": "Only sites with (`true`) or without (`false`) a draft.",
    "inProd": "Only sites that are in production (`true`) or not (`false`).",
    "online": "Only online (`true`) or offline (`false`) sites.",
    "provider": "Only campaigns of this provider.",
}
"""By the name of the query parameter."""


def describe_fields(schema_name: str, schema: Json) -> None:
    """Add a description to each property of an object schema that has none.

    A form field such as `mapper[key]` or `address[city]` is described by the name within the brackets.
    """
    if schema_name.startswith("Page_"):
        schema["description"] = "A page of a list."
    own = OWN_DESCRIPTIONS.get(schema_name, {})
    for name, field in schema.get("properties", {}).items():
        if "description" in field:
            continue
        outer, _, inner = name.removesuffix("]").partition("[")
        text = own.get(name) or DESCRIPTIONS.get(inner or outer)
        if outer == "mapper":
            text = f"Name of the file's column with the field `{inner}`."
        if text:
            field["description"] = text


def describe_parameters(operation: Json) -> None:
    """Add a description to each query parameter of an operation that has none."""
    for parameter in operation.get("parameters", ()):
        if "description" not in parameter and parameter["name"] in PARAMETERS:
            parameter["description"] = PARAMETERS[parameter["name"]]
