"""Arrow without pandas: the first list that becomes an array would import it, at a quarter of a second and 40 MB."""

import sys
from importlib.abc import MetaPathFinder

import pyarrow as pa


class _NoPandas(MetaPathFinder):
    def find_spec(self, fullname: str, *_: object) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError("left out")


def leave_pandas_out() -> None:
    """Lets Arrow look for pandas now, and find none; its conversions from and to pandas look again when they are asked.

    Nothing changes where pandas is there already.
    """
    away = _NoPandas()
    sys.meta_path.insert(0, away)
    try:
        pa.array([])
    finally:
        sys.meta_path.remove(away)
