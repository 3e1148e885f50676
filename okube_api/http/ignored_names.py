"""Names in a request that the server does not know and leaves out, where `OKUBE_UNKNOWN_FIELDS` is `ignore`."""

from collections.abc import Iterable
from urllib.parse import quote

from starlette.types import Scope

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
