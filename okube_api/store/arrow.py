"""Arrow without pandas: converting the first list to an array would import it, which takes 0.25 s and 40 MB."""

import pyarrow as pa

from okube_api.lazy_imports import without_modules


def hide_pandas() -> None:
    """Make Arrow look for pandas now and find none; later conversions from and to pandas look for it again."""
    with without_modules("pandas"):
        pa.array([])
