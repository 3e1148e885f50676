"""Skips the comparison with another library where that library is not installed."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("shapley_attribution") else ["test_peer.py"]
