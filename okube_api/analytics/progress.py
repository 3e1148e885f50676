"""Reports which share of a question is answered, part by part."""

from collections.abc import Callable


class PartProgress:
    """Counts the parts of a question that are done: reading for each period, computing, and writing the answer.

    report: called with the share that is done, from 0 to 1, each time it grows.
    """

    def __init__(self, parts: int, report: Callable[[float], None]) -> None:
        self._parts, self._report = parts, report
        self._done = 0
        self._share = 0.0

    def finish_pass(self, number: int, passes: int) -> None:
        """Report that `number` of the passes of the current part are done; the last one ends the part."""
        if number == passes:
            self.finish_until(self._done + 1)
        else:
            self._set_share((self._done + number / passes) / self._parts)

    def finish_until(self, done: int) -> None:
        """Report that so many parts are done."""
        self._done = done
        self._set_share(done / self._parts)

    def _set_share(self, share: float) -> None:
        if share > self._share:
            self._share = share
            self._report(share)
