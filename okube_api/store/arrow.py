"""Arrow without pandas: the first list that becomes an array would import it, at a quarter of a second and 40 MB."""

import pyarrow as pa

from okube_api.lazy_imports import without_modules


def hide_pandas() -> None:
    """Lets Arrow look for pandas now and find none; conversions from and to pandas look again when they are asked."""
    with without_modules("pandas"):
        pa.array([])
