"""Arrow without pandas: the first list that becomes an array would import it, at a quarter of a second and 40 MB."""

import pyarrow as pa

from okube_api.lazy_imports import left_out


def leave_pandas_out() -> None:
    """Lets Arrow look for pandas now and find none; conversions from and to pandas look again when they are asked."""
    with left_out("pandas"):
        pa.array([])
