"""Fixtures: the application over each store, as in `tests/api`, and one tenant for all strings and bodies."""

import pytest

from tests.api.conftest import _quiet, fresh_store_url, shared_server, store_kind
from tests.api.server import Server, Tenant
from tests.corpora.corpora import PACKAGES

__all__ = ["_quiet", "fresh_store_url", "shared_server", "store_kind"]

collect_ignore_glob = [] if PACKAGES.exists() else ["test_*.py"]  # `make corpora` installs the packages


@pytest.fixture(scope="session")
async def tenant(shared_server: Server) -> Tenant:
    """Create an application, which all tests share."""
    return await shared_server.create_tenant()
