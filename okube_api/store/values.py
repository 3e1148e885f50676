"""Types of the values in documents and conditions.

Documents are plain JSON values: identifiers are 24 hex digits, timestamps are RFC 3339 text in UTC with milliseconds,
and days are `YYYY-MM-DD`.
"""

from typing import Any

Json = dict[str, Any]
Scalar = str | int | float | bool
