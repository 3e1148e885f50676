"""Names in a request that the server does not know and leaves out, where `OKUBE_UNKNOWN_FIELDS` is `ignore`."""

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from starlette.types import Scope

from okube_api.kit.json_text import escape_pointer

HEADER = "X-Okube-Ignored"
"""Header of the answer that names them, such as `query/foo, body/address/bar`."""

_MAX_NAMES = 50
_LONGEST_NAME = 100


def note_ignored(scope: Scope, names: Iterable[str]) -> None:
    """Add names to the header of the answer: each as `query` or `body` and a JSON pointer, percent-encoded."""
    headers = scope.setdefault("state", {}).setdefault("headers", {})
    listed = headers[HEADER].split(", ") if HEADER in headers else []
    listed += [quote(name, safe="/~")[:_LONGEST_NAME] for name in names]
    headers[HEADER] = ", ".join(listed[:_MAX_NAMES])


def remove_unknown_fields(body: Any, errors: Sequence[Any]) -> list[str]:
    """Remove from a parsed body the fields that validation found unknown; return their pointers."""
    pointers = []
    for error in errors:
        if error["type"] != "extra_forbidden":
            continue
        _, *parents, name = (part for part in error["loc"] if not str(part).startswith("@"))  # @: tag of a union
        place = body
        for parent in parents:
            if isinstance(place, dict):
                place = place.get(parent)
            elif isinstance(place, list) and isinstance(parent, int) and parent < len(place):
                place = place[parent]
            else:
                place = None
        if isinstance(place, dict) and name in place:
            del place[name]
            pointers.append("".join(f"/{escape_pointer(str(part))}" for part in (*parents, name)))
    return pointers
