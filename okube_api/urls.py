"""URLs in messages, of the server and of its Python client."""

import re


def hide_password(address: str) -> str:
    """Return an address for a message: with `***` for the password before its `@`, also when it is not valid."""
    return re.sub(r"^((?:[^:/@]*://)?[^:/@]*):(?!//).*@", r"\1:***@", address, flags=re.DOTALL)
