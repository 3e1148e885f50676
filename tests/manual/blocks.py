"""Command blocks of the pages of the manual, and the comments that say how each is run.

A comment stands before a block, and is invisible on the page:

| comment | meaning |
|---|---|
| `<!-- run: STATE -->` | run this block and the following ones of the page in this state |
| `<!-- run: background -->` | start the next block, and wait until its server is ready; it ends with the page |
| `<!-- run: skip: REASON -->` | do not run the next block |
| `<!-- answer -->` | the next block is what the last command printed |
| `<!-- file: PATH -->` | the next block is a file of the repository |
| `<!-- ask: PATH -->` | the next block is a question, or a param of one, that the demo answers |

States are those of `sessions.py`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", *sorted(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")))

SHELLS = ("sh", "bash", "console")
LANGUAGES = (*SHELLS, "python")

_COMMENT = re.compile(r"^<!-- (run|answer|file|ask)(?:: (.*?))? -->$")
_FENCE = re.compile(r"^```(\w*)$")
_UNREADABLE = re.compile(r"<!--|\s*(```|~~~)")


@dataclass
class Block:
    """A block of a page.

    line: of its fence.
    state: how a command block runs; None if no comment says so.
    skip: why it is not run.
    answer: the block that shows what it prints.
    """

    page: str
    line: int
    language: str
    text: str = ""
    state: str | None = None
    is_background: bool = False
    skip: str | None = None
    file: str | None = None
    ask: str | None = None
    answer: "Block | None" = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def read_blocks(page: str) -> list[Block]:
    """Return the blocks of a page in order; answers are with the block that they belong to."""
    blocks: list[Block] = []
    state: str | None = None
    pending: dict[str, str | None] = {}
    lines = enumerate((ROOT / page).read_text(encoding="utf-8").splitlines(), 1)
    for number, line in lines:
        if comment := _COMMENT.match(line):
            pending[comment[1]] = comment[2]
            if comment[1] == "run" and comment[2] and not re.match(r"background$|skip: ", comment[2]):
                state = comment[2]
        elif fence := _FENCE.match(line):
            block = Block(page, number, fence[1], "\n".join(_read_fence(lines)) + "\n", file=pending.get("file"))
            block.ask = pending.get("ask")
            if block.language in LANGUAGES:
                run = pending.get("run") or ""
                block.is_background = run == "background"
                block.skip = run.removeprefix("skip: ") if run.startswith("skip: ") else None
                block.state = state or ("fresh" if block.is_background else None)
            if "answer" in pending:
                (command,) = [block for block in blocks if block.language in LANGUAGES][-1:]
                assert command.answer is None, f"{page}:{number}: a second answer of one command"
                command.answer = block
            else:
                blocks.append(block)
            pending = {}
        elif line:
            assert not _UNREADABLE.match(line), f"{page}:{number}: no such comment or fence: {line}"
            assert not pending, f"{page}:{number}: no block after the comment {pending}"
    return blocks


def _read_fence(lines: Iterator[tuple[int, str]]) -> Iterator[str]:
    """Yield the lines until the end of a block."""
    for _, line in lines:
        if line == "```":
            return
        yield line
