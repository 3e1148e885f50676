"""Keeps Arrow from importing pandas, which it does when it first converts a list (0.25 s and 40 MB)."""

import pyarrow as pa

from okube_api.lazy_imports import without_modules


def hide_pandas() -> None:
    """Let Arrow look for pandas now without finding it; later conversions from and to pandas still import it."""
    with without_modules("pandas"):
        pa.array([])
