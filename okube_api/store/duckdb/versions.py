"""Which tables of an application have changed, for what is held of them in memory: numbers of this process only."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager


class Versions:
    """By application and table, a number that is new with every change; None while one is being committed.

    A reader that finds the same numbers before and after it began sees exactly that version.
    """

    def __init__(self) -> None:
        self._numbers: defaultdict[str, dict[str, int | None]] = defaultdict(dict)
        self._last = 0

    def now(self, application: str) -> Mapping[str, int | None]:
        """The versions of the tables that were ever changed."""
        return dict(self._numbers.get(application, {}))

    @contextmanager
    def changing(self, application: str, tables: Iterable[str]) -> Iterator[None]:
        """Around the commit of a change of these tables."""
        names = list(tables)
        self._numbers[application].update(dict.fromkeys(names))
        try:
            yield
        finally:
            self._last += 1
            self._numbers[application].update(dict.fromkeys(names, self._last))
