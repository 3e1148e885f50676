"""Random tests have no deadline; the comparison with another library is there when that library is."""

from importlib.util import find_spec

from hypothesis import settings

settings.register_profile("okube", deadline=None)
settings.load_profile("okube")

collect_ignore = [] if find_spec("shapley_attribution") else ["test_peer.py"]
