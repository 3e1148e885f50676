"""Source code as text, for tests that read all of it: to parse a file takes ten times longer than to search it."""

import re

_TEXTS = re.compile(
    r'"""[\s\S]*?"""'
    r"|'''[\s\S]*?'''"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'(?:\\.|[^'\\\n])*'"
    r"|#.*"
)


def remove_texts(source: str) -> str:
    """Return source code without comments and with empty strings; it has fewer lines."""
    return _TEXTS.sub(lambda match: "" if match[0].startswith("#") else "''", source)
