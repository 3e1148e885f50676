"""The comparison with another library is there when that library is."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("shapley_attribution") else ["test_peer.py"]
