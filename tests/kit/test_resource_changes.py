"""What the keepers of facts are told of."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from okube_api.kit.resource_changes import ChangeKind, ChangePublisher, ResourceChange, detect_changes
from okube_api.store.values import Json

pytestmark = pytest.mark.anyio

WATCHED = {ChangeKind.PLACE: ("cells",), ChangeKind.ZONE: ("zone",)}


def test_changes_are_what_differs() -> None:
    before: Json = {"_id": "a", "cells": 1, "zone": "x"}
    pairs: list[tuple[Json, Json]] = [
        ({}, {"_id": "new", "cells": 1, "zone": "x"}),
        ({}, {"_id": "nowhere", "zone": "x"}),
        (before, {**before, "name": "y"}),
        (before, {**before, "cells": 2}),
        ({**before, "_id": "b"}, {**before, "_id": "b", "zone": "y"}),
    ]
    assert detect_changes("sites", WATCHED, pairs) == [
        ResourceChange("sites", ("new", "a"), ChangeKind.PLACE),
        ResourceChange("sites", ("b",), ChangeKind.ZONE),
    ]


async def test_a_follower_is_around_the_write() -> None:
    told: list[str] = []
    changes = ChangePublisher()
    change = ResourceChange("sites", ("a",), ChangeKind.DELETED)

    @asynccontextmanager
    async def follower(application: str, some: Sequence[ResourceChange]) -> AsyncIterator[None]:
        told.append(f"before {application} {some[0].kind}")
        yield
        told.append("after")

    async with changes.publish_around("app", [change]):
        told.append("nobody follows")
    changes.subscribe(follower)
    async with changes.publish_around("app", []):
        told.append("nothing changes")
    async with changes.publish_around("app", [change]):
        told.append("write")
    assert told == ["nobody follows", "nothing changes", "before app gone", "write", "after"]
