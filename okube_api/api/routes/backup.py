"""Route of the backup of the whole store."""

import asyncio
from collections.abc import AsyncGenerator

import anyio
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from okube_api.api.access import PlatformAdmin
from okube_api.api.container import ServicesDep
from okube_api.api.openapi import refusals
from okube_api.api.route import ApiRoute
from okube_api.backup.dump import BackupSource
from okube_api.backup.stream import BackupSlot, stream_backup
from okube_api.errors import TooManyRequests

router = APIRouter(route_class=ApiRoute, tags=["administration"])

MEDIA_TYPE = "application/zip"
_RETRY_AFTER_S = 30


@router.post(
    "/admin/backup",
    operation_id="create_backup",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "The backup: a ZIP archive, complete only if it ends with its manifest.",
            "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
        },
        **refusals(429),
    },
)
async def create_backup(request: Request, _admin: PlatformAdmin, services: ServicesDep) -> StreamingResponse:
    """Return a backup of all applications; for platform administrators only, one at a time.

    It has personal data. Use `okube-api backup FILE --url`, which checks that the backup is complete.
    """
    slot: BackupSlot = request.app.state.backup_slot
    if slot.lock.locked():
        raise TooManyRequests("Another backup is running. Try again when it has ended.", retry_after_s=_RETRY_AFTER_S)
    await slot.lock.acquire()
    source = BackupSource(services.store, slot.schema, services.settings, services.clock)
    return _LockedResponse(stream_backup(source), slot.lock)


class _LockedResponse(StreamingResponse):
    """A backup; the lock is released when it is sent, or when the client is gone and the work on it has stopped."""

    def __init__(self, parts: AsyncGenerator[bytes, None], lock: asyncio.Lock) -> None:
        headers = {"Content-Disposition": 'attachment; filename="okube-backup.zip"', "Cache-Control": "no-store"}
        super().__init__(parts, media_type=MEDIA_TYPE, headers=headers)
        self._parts, self._lock = parts, lock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the backup."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            with anyio.CancelScope(shield=True):
                await self._parts.aclose()
            self._lock.release()
