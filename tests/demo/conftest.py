"""Fixture: the demo in a store, which tests must not change."""

from collections.abc import AsyncIterator

import pytest

from tests.demo.filled_demo import FilledDemo, fill_demo


@pytest.fixture(scope="session")
async def demo(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FilledDemo]:
    """Fill a store with the demo."""
    async with fill_demo(tmp_path_factory.mktemp("demo")) as filled:
        yield filled
