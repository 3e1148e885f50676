"""Modules that others import where they find them, and do without where they do not."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder


class _Away(MetaPathFinder):
    def __init__(self, module: str) -> None:
        self._module = module

    def find_spec(self, fullname: str, *_: object) -> None:
        if fullname == self._module:
            raise ModuleNotFoundError(f"{fullname} is left out")


@contextmanager
def left_out(module: str) -> Iterator[None]:
    """Within, a module is not found, unless it was imported before; after, it is there for those who ask."""
    away = _Away(module)
    sys.meta_path.insert(0, away)
    try:
        yield
    finally:
        sys.meta_path.remove(away)
