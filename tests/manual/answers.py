"""Compares what a command printed with the block of the page that shows it.

In the block, the text `...` stands for any value, the field `"...": "..."` for further fields, the last element
`"..."` for further elements, and a line `...` for further lines.  `id-1` stands for an id, the same wherever it occurs
on the page.
"""

import json
import re
from itertools import zip_longest
from typing import Any

REST = "..."
_ID = re.compile(r"id-\d+")
_PRINTED_ID = re.compile(r"[0-9a-f]{24}")


class AnswerMismatch(AssertionError):
    """The page shows another answer than the command."""


class ShownAnswers:
    """The answers of one page, with the ids that they have in common."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}

    def check(self, language: str, shown: str, printed: str) -> None:
        """Raise AnswerMismatch unless a command printed what a block shows."""
        if language == "json":
            self._check_value("", json.loads(shown), json.loads(printed))
        else:
            self._check_lines(shown.splitlines(), printed.splitlines())

    def _check_value(self, path: str, shown: Any, printed: Any) -> None:
        if shown == REST:
            return
        if isinstance(shown, str) and _ID.fullmatch(shown):
            self._check_id(path, shown, printed)
        elif isinstance(shown, dict) and isinstance(printed, dict):
            self._check_fields(path, shown, printed)
        elif isinstance(shown, list) and isinstance(printed, list):
            if shown[-1:] == [REST]:
                shown, printed = shown[:-1], printed[: len(shown) - 1]
            if len(shown) != len(printed):
                raise AnswerMismatch(f"{path}: {len(shown)} elements on the page, {len(printed)} in the answer")
            for index, pair in enumerate(zip(shown, printed, strict=True)):
                self._check_value(f"{path}/{index}", *pair)
        elif shown != printed or type(shown) is not type(printed):
            raise AnswerMismatch(f"{path}: {shown!r} on the page, {printed!r} in the answer")

    def _check_fields(self, path: str, shown: dict[str, Any], printed: dict[str, Any]) -> None:
        rest = [name for name in printed if name not in shown and name not in self._ids.values()]
        names = {}
        for name in shown:
            is_new_id = _ID.fullmatch(name) and name not in self._ids
            names[name] = rest.pop(0) if is_new_id and rest else self._ids.get(name, name)
        extra = printed.keys() - names.values()
        if extra and REST not in shown:
            raise AnswerMismatch(f"{path}: the page lacks {sorted(extra)}")
        for name, value in shown.items():
            if name == REST:
                continue
            if _ID.fullmatch(name):
                self._check_id(path, name, names[name])
            if names[name] not in printed:
                raise AnswerMismatch(f"{path}: the answer has no {name!r}")
            self._check_value(f"{path}/{name}", value, printed[names[name]])

    def _check_id(self, path: str, shown: str, printed: Any) -> None:
        if not isinstance(printed, str) or not _PRINTED_ID.fullmatch(printed):
            raise AnswerMismatch(f"{path}: {printed!r} is no id")
        known = self._ids.setdefault(shown, printed)
        if known != printed or list(self._ids.values()).count(known) > 1:
            raise AnswerMismatch(f"{path}: {printed!r} is not {shown}, which is {known!r}")

    def _check_lines(self, shown: list[str], printed: list[str]) -> None:
        if REST in shown:
            start, end = shown[: shown.index(REST)], shown[shown.index(REST) + 1 :]
            if len(printed) < len(start) + len(end):
                raise AnswerMismatch(f"{len(start) + len(end)} lines on the page, {len(printed)} in the answer")
            self._check_lines(start, printed[: len(start)])
            self._check_lines(end, printed[len(printed) - len(end) :])
            return
        for shown_line, printed_line in zip_longest(shown, printed):
            if shown_line is None or printed_line is None:
                raise AnswerMismatch(f"{shown_line!r} on the page, {printed_line!r} in the answer")
            pattern = re.sub(r"id\\-(\d+)", r"(?P<id_\1>[0-9a-f]{24})", re.escape(shown_line.rstrip()))
            match = re.fullmatch(pattern, printed_line.rstrip())
            if match is None:
                raise AnswerMismatch(f"{shown_line!r} on the page, {printed_line!r} in the answer")
            for name, value in match.groupdict().items():
                self._check_id("", name.replace("_", "-"), value)
