"""Hide optional modules from libraries that import them only if present: this saves start-up time and memory."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder


class _HidingFinder(MetaPathFinder):
    """Finder that reports some modules as not installed."""

    def __init__(self, modules: frozenset[str]) -> None:
        self._modules = modules

    def find_spec(self, fullname: str, *_: object) -> None:
        """Raise ModuleNotFoundError for a hidden module; leave every other module to the next finders."""
        if fullname in self._modules:
            raise ModuleNotFoundError(f"{fullname} is hidden while another library is imported")


@contextmanager
def without_modules(*modules: str) -> Iterator[None]:
    """Hide modules from imports inside the `with` block; a module that was imported before stays importable.

    Python asks the finders in `sys.meta_path` in order, so a finder at the front can refuse a name.
    """
    finder = _HidingFinder(frozenset(modules))
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
