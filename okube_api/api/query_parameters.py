"""The query parameters of a request: refuse unknown and repeated ones, remove those that mean nothing."""

from collections.abc import Callable, Collection
from typing import Any, get_origin
from urllib.parse import parse_qsl, urlencode

from fastapi import params
from fastapi.dependencies.utils import get_flat_params, get_validation_alias
from fastapi.routing import APIRoute
from starlette.requests import Request

from okube_api.api.access import load_access, require_application
from okube_api.api.container import Services
from okube_api.auth.repository import Role
from okube_api.errors import BadRequest, Fault
from okube_api.http.ignored_names import note_ignored
from okube_api.kit.json_text import escape_pointer
from okube_api.kit.schemas import list_types

BLANK_MEANS_ABSENT = frozenset({"q", "app", "delimiter"})
"""Query parameters whose empty text is the same as none."""


def list_parameters(route: APIRoute) -> dict[str, bool]:
    """Return the names of a route's query parameters, and whether each may be repeated."""
    return {
        get_validation_alias(field): _is_list(field.field_info.annotation)
        for field in get_flat_params(route.dependant)
        if not isinstance(field.field_info, params.Path | params.Header | params.Cookie)  # leaves Query, also of models
    }


def _is_list(annotation: Any) -> bool:
    return any(get_origin(kind) is list for kind in list_types(annotation))


async def check_query(
    request: Request,
    parameters: dict[str, bool],
    ignored: frozenset[str],
    suggest: Callable[[Collection[str], str], str],
    services: Services,
) -> None:
    """Raise BadRequest for parameters that are unknown, repeated or not valid texts; remove those that mean nothing.

    Removed are parameters that start with `_`, those that the route ignores, an empty text to search for and an empty
    `app`, an `app` that names the application of the path, and unknown parameters where the settings say so.

    suggest: returns a suggestion from the names of the parameters for an unknown one.
    """
    pairs = parse_query(request.scope["query_string"])
    used: list[tuple[str, str]] = []
    seen: set[str] = set()
    unknown: list[str] = []
    faults: list[Fault] = []
    for name, value in pairs:
        if name not in parameters:
            if await _is_meaningless(request, name, value, ignored, services):
                continue
            if services.settings.unknown_fields == "ignore":
                unknown.append(f"query/{escape_pointer(name)}")
            else:
                suggestion = "" if faults else suggest(parameters, name)  # for the first fault: it is slow
                message = f"Unknown query parameter '{name[:100]}'.{suggestion}"
                faults.append(Fault("query", f"/{name}", "unknown_parameter", message))
            continue
        if not value and name in BLANK_MEANS_ABSENT:
            continue
        if name in seen and not parameters[name]:
            faults.append(Fault("query", f"/{name}", "repeated", f"'{name}' may be sent only once."))
        elif "\0" in value:
            faults.append(Fault("query", f"/{name}", "invalid_text", f"'{name}' must not contain NUL characters."))
        seen.add(name)
        used.append((name, value))
    if faults:
        raise BadRequest(faults[0].message, faults=faults)
    if unknown:
        note_ignored(request.scope, unknown)
    if len(used) < len(pairs):
        request.scope["query_string"] = urlencode(used).encode("ascii")


async def _is_meaningless(request: Request, name: str, value: str, ignored: frozenset[str], services: Services) -> bool:
    """Return whether a parameter that the route does not know is left out silently.

    Raise BadRequest when `app` names another application than the path.
    """
    if name.startswith("_") or name in ignored:
        return True
    application = request.path_params.get("application")
    if name != "app" or application is None:
        return False
    if value:
        access = await load_access(services, request.state.identity.user, application, Role.READER)
        require_application(access.application, value, "query")
    return True


def parse_query(query: bytes) -> list[tuple[str, str]]:
    """Return the names and values of a query string.  Raise BadRequest when it is not percent-encoded UTF-8 or long."""
    if not query:
        return []
    try:
        return parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=1000)
    except UnicodeDecodeError:
        raise BadRequest("The query string must be percent-encoded UTF-8.") from None
    except ValueError:
        raise BadRequest("The query string may have 1,000 parameters at most.") from None
