"""Detection of resource changes, and their publication around a write."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from okube_api.kit.resource_changes import ChangeKind, ChangePublisher, ResourceChange, detect_changes
from okube_api.store.values import Json

pytestmark = pytest.mark.anyio

WATCHED = {ChangeKind.CELLS: ("cells",), ChangeKind.TIMEZONE: ("zone",)}


def test_changes_of_watched_fields_are_detected() -> None:
    before: Json = {"_id": "a", "cells": 1, "zone": "x"}
    pairs: list[tuple[Json, Json]] = [
        ({}, {"_id": "new", "cells": 1, "zone": "x"}),
        ({}, {"_id": "nowhere", "zone": "x"}),
        (before, {**before, "name": "y"}),
        (before, {**before, "cells": 2}),
        ({**before, "_id": "b"}, {**before, "_id": "b", "zone": "y"}),
    ]
    assert detect_changes("sites", WATCHED, pairs) == [
        ResourceChange("sites", ("new", "a"), ChangeKind.CELLS),
        ResourceChange("sites", ("b",), ChangeKind.TIMEZONE),
    ]


async def test_listener_surrounds_the_write() -> None:
    calls: list[str] = []
    changes = ChangePublisher()
    change = ResourceChange("sites", ("a",), ChangeKind.DELETED)

    @asynccontextmanager
    async def listener(application: str, published: Sequence[ResourceChange]) -> AsyncIterator[None]:
        calls.append(f"before {application} {published[0].kind}")
        yield
        calls.append("after")

    async with changes.publish_around("app", [change]):
        calls.append("no listener")
    changes.subscribe(listener)
    async with changes.publish_around("app", []):
        calls.append("no change")
    async with changes.publish_around("app", [change]):
        calls.append("write")
    assert calls == ["no listener", "no change", "before app deleted", "write", "after"]
