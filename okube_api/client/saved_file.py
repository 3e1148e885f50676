"""Saves answers and lists to files, which are written while they arrive."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from okube_api.client.calls import CallPlan, FileWork
from okube_api.client.session import ServerSession

_FORMATS = frozenset({"csv", "xlsx", "parquet", "geojson", "json"})


def plan_file(
    session: ServerSession,
    method: str,
    path: str,
    target: Path,
    *,
    params: Mapping[str, Any] | None = None,
    **request: Any,
) -> CallPlan[Path]:
    """Send a request whose answer becomes a file, and return the path of the file.

    target: the file, which is replaced when the whole answer is there.
    request: further arguments of `ServerSession.request`.
    """
    partial_file = target.with_name(f".{target.name}.{uuid4().hex}.part")
    try:
        yield from session.request(method, path, params=params, target=partial_file, **request)
        yield FileWork(partial(partial_file.replace, target))
    finally:
        partial_file.unlink(missing_ok=True)
    return target


def detect_format(path: Path) -> str:
    """Return the format of a file, from the end of its name.  Raise ValueError."""
    name = path.suffix.lower().removeprefix(".")
    if name not in _FORMATS:
        endings = ", ".join(f".{each}" for each in sorted(_FORMATS))
        raise ValueError(f"The name of the file '{path.name}' does not say its format. Names end in {endings}.")
    return name
