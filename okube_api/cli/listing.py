"""Reads lists of the API to their end, and prints them as columns of text or as JSON."""

import sys
from collections.abc import Sequence

import orjson
from rich.cells import cell_len

from okube_api.cli.requests import ApiRequests
from okube_api.store.values import Json

_PAGE = 100
_GAP = "  "


async def read_list(requests: ApiRequests, path: str) -> list[Json]:
    """Return all documents of a list, page by page.  Raise RemoteError."""
    documents: list[Json] = []
    page, has_more = 1, True
    while has_more:
        answer = (await requests.send("GET", path, params={"page": page, "per_page": _PAGE})).json()
        documents += answer["documents"]
        page, has_more = page + 1, answer["_$paginated"]["has_more"]
    return documents


def print_json(documents: Sequence[Json]) -> None:
    """Print documents as a JSON list to the standard output."""
    sys.stdout.write(orjson.dumps(documents, option=orjson.OPT_INDENT_2).decode() + "\n")


def print_columns(header: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    """Print lines of texts below each other to the standard output, also wider than the terminal."""
    cells = [[_make_printable(text) for text in line] for line in (header, *lines)]
    widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        padded = (text + " " * (width - cell_len(text)) for text, width in zip(line, widths, strict=True))
        sys.stdout.write(_GAP.join(padded).rstrip() + "\n")


def _make_printable(text: str) -> str:
    """Return a text with its control characters replaced, which could change what a terminal shows."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
