"""Removes events older than the retention period, and all data of a person who is to be erased."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, time
from functools import partial

import structlog

from okube_api.applications.repository import APPLICATIONS
from okube_api.catalogue.buckets import to_date, to_ordinal
from okube_api.clock import Clock
from okube_api.errors import NotFound
from okube_api.ingest.batches import Batches
from okube_api.ingest.encryption import LineCipher
from okube_api.ingest.erasure import erase_events
from okube_api.ingest.leases import ApplicationLeases
from okube_api.ingest.load.pseudonyms import DEVICE, USER, Pseudonyms
from okube_api.ingest.refresh.context import load_context
from okube_api.ingest.refresh.documents import DerivedDocuments
from okube_api.ingest.refresh.refresh import FactRefresh
from okube_api.ingest.refresh.steps import find_expired_days
from okube_api.ingest.retry import commit_with_retry
from okube_api.kit.application import Application
from okube_api.kit.ids import new_id
from okube_api.store.conditions import EVERYTHING
from okube_api.store.protocol import Change, Store

log = structlog.stdlib.get_logger("okube.ingest")


class Retention:
    """Deletes expired events of all applications, and erases people."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        secret: bytes,
        *,
        batches: Batches,
        cipher: LineCipher,
        documents: DerivedDocuments,
        leases: ApplicationLeases,
        keep_days: int | None,
    ) -> None:
        """keep_days: the retention period in days; None keeps events for ever."""
        self._store, self._clock, self._secret = store, clock, secret
        self._batches, self._cipher, self._documents, self._leases = batches, cipher, documents, leases
        self._keep_days = keep_days

    def first_kept_day(self) -> int | None:
        """Return the first UTC day whose events are kept (an ordinal), None without a retention period."""
        return None if self._keep_days is None else to_ordinal(self._clock().date()) - self._keep_days

    async def delete_expired(self) -> None:
        """Delete the events older than the retention period, their facts and old rejected lines."""
        first_day = self.first_kept_day()
        if first_day is None:
            return
        async for documents in self._store.stream(APPLICATIONS, EVERYTHING):
            for document in documents:
                with suppress(NotFound):  # the application is deleted meanwhile
                    await self._delete_before(Application.from_document(document), first_day)

    async def _delete_before(self, application: Application, first_day: int) -> None:
        async def expire(change: Change) -> None:
            await FactRefresh(change, await load_context(self._store, application)).expire(first_day)

        async with self._leases.hold(application.id):
            async with self._store.open_reader(application.id) as view:
                expired = await find_expired_days(view, first_day)
            if expired:
                await commit_with_retry(self._store, application.id, f"expired:{new_id(self._clock())}", expire)
                await self._documents.update(application.id, set(expired))
                log.info("ingest.expired", application=application.id, before=to_date(first_day).isoformat())
        midnight = datetime.combine(to_date(first_day), time.min, UTC)
        await self._batches.delete_expired_rejected(application.id, midnight)

    async def erase_user(self, application: Application, name: str) -> None:
        """Delete the events, facts and rejected lines of the user or device of this name."""
        pseudonyms = Pseudonyms(self._store, application.id, self._secret)
        numbers = {}
        for kind in (USER, DEVICE):
            number = await pseudonyms.find_number(kind, name)
            if number is not None:
                numbers[kind] = number
        async with self._leases.hold(application.id):
            if numbers:
                change_name = f"erased:{new_id(self._clock())}"
                erase = partial(self._erase_numbers, application, numbers)
                await commit_with_retry(self._store, application.id, change_name, erase)
        await self._batches.erase_rejected(application.id, name, self._cipher)

    async def _erase_numbers(self, application: Application, numbers: Mapping[str, int], change: Change) -> None:
        async with self._store.open_reader(application.id) as view:
            await erase_events(change, view, await load_context(self._store, application), numbers)
