"""Fixtures: the application over each store, as in `tests/api`."""

from tests.api.conftest import _quiet, fresh_store_url, shared_server, store_kind
from tests.published.paths import PACKAGES

__all__ = ["_quiet", "fresh_store_url", "shared_server", "store_kind"]

collect_ignore_glob = [] if PACKAGES.exists() else ["test_*.py"]  # `make published-paths` installs the package
