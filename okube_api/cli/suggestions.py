"""Suggests names that are similar to the wrong ones of a request."""

from collections.abc import Mapping
from typing import Any

from okube_api.analytics.group_values import GROUPING_FIELDS
from okube_api.catalogue.scopes import Scope
from okube_api.cli.requests import ApiRefusal, ApiRequests, RemoteError
from okube_api.client.request_values import build_path
from okube_api.errors import format_suggestion

_RESOURCES = ("sites", "pois", "campaigns", "levers")
"""Filters whose values are keys of resources, which are listed under the application by the same name."""
_FILTERS = (
    *(scope.value for scope in Scope if scope is not Scope.GLOBALS),
    *GROUPING_FIELDS,
    *("tags", "days", "weekdays", "hours", "opening", "any"),
)


async def suggest_name(requests: ApiRequests, application: str, refusal: ApiRefusal) -> str:
    """Return a name that is similar to the first wrong one of a refusal, as ` Did you mean 'x'?`.

    The text is empty when no name is wrong or similar, or when the refusal has a suggestion.
    """
    if "Did you mean" in str(refusal):
        return ""
    if refusal.status == 404 and str(refusal).startswith("No application"):
        return format_suggestion(application, await _list_keys(requests, "/applications"))
    for fault in refusal.problem.get("errors", ()):
        if suggestion := await _suggest_filter(requests, application, fault):
            return suggestion
    return ""


async def _suggest_filter(requests: ApiRequests, application: str, fault: Mapping[str, Any]) -> str:
    """Return the suggestion for a filter that does not exist, or for the key of one that no resource has."""
    place, _, rest = fault.get("pointer", "").removeprefix("/").partition("/")
    name = rest.partition("/")[0]
    if place != "filters":
        return ""
    if fault["code"] == "unknown_field":
        return format_suggestion(name, _FILTERS)
    if fault["code"] == "unknown_reference" and name in _RESOURCES:
        key = fault["message"].partition("'")[2].rpartition("'")[0]
        return format_suggestion(key, await _list_keys(requests, build_path("applications", application, name)))
    return ""


async def _list_keys(requests: ApiRequests, path: str) -> list[str]:
    """Return the keys of the first resources of a list; none when the caller may not read it."""
    try:
        response = await requests.send("GET", path, params={"per_page": 100})
    except RemoteError:
        return []
    return [document["key"] for document in response.json()["documents"] if document.get("key")]
