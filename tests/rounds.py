"""The number of random examples of a test: few, or all with OKUBE_TEST_THOROUGH=1."""

import os

IS_THOROUGH = bool(os.environ.get("OKUBE_TEST_THOROUGH"))
_SHARE = 5  # of the examples, one in so many is usually tried


def count_examples(thorough: int) -> int:
    """Return the number of examples to try of those that a thorough run tries."""
    return thorough if IS_THOROUGH else -(-thorough // _SHARE)
