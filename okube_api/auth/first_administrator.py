"""The first platform administrator of a store: created with a token that the server printed, or from its settings.

A server that finds no administrator prints a link with a token, which is valid once, for 72 hours and while the server
runs.  The store has hashes of the tokens only, in one document: whoever deletes that document may create the
administrator, so that of several requests at the same time one succeeds.
"""

import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

import structlog
from anyio import to_thread

from okube_api.auth.invitations import hash_token
from okube_api.auth.passwords import WeakPassword, hash_password, require_strong_password
from okube_api.auth.repository import USERS, UserRepository
from okube_api.auth.secret import BadSecret, read_secret_file
from okube_api.clock import Clock, stamp
from okube_api.errors import Impossible, Taken
from okube_api.kit.creation_ids import create_secret
from okube_api.store.conditions import equal
from okube_api.store.errors import Duplicate
from okube_api.store.protocol import Store
from okube_api.store.schema import Collection, ColumnType
from okube_api.store.values import Json

LIFETIME = timedelta(hours=72)

SETUPS = Collection("setups", fields={"version": ColumnType.INTEGER})
"""One document, while there is no administrator: the hashes of the tokens, and when they expire."""

_ID = "first administrator"

log = structlog.stdlib.get_logger("okube")


class InvalidSetupToken(Impossible):
    """422: the token does not allow to create the first administrator."""

    code = "invalid_setup_token"


class FirstAdministrator:
    """Creates the first platform administrator of a store."""

    def __init__(self, store: Store, clock: Clock, users: UserRepository) -> None:
        self._store = store
        self._clock = clock
        self._users = users

    async def is_missing(self) -> bool:
        """Return whether the store has no platform administrator, not even one who is disabled."""
        return await self._store.count(USERS, equal("platformAdmin", True)) == 0

    async def issue_token(self) -> str | None:
        """Return a new token, besides those of other servers; None when there is an administrator."""
        if not await self.is_missing():
            return None
        token = create_secret("setup")
        entry = {"hash": hash_token(token), "expiresAt": stamp(self._clock() + LIFETIME)}
        while True:
            document = await self._store.get(SETUPS, equal("_id", _ID))
            if document is None:
                with suppress(Duplicate):
                    await self._store.insert(SETUPS, [{"_id": _ID, "version": 1, "tokens": [entry]}])
                    return token
            elif await self._replace(document, [*self._list_valid(document), entry]):
                return token

    async def revoke_token(self, token: str) -> None:
        """Make a token invalid, when its server ends."""
        document = await self._store.get(SETUPS, equal("_id", _ID))
        if document is not None:
            entries = [entry for entry in self._list_valid(document) if entry["hash"] != hash_token(token)]
            await self._replace(document, entries)  # a change in between leaves the token, which then expires

    @asynccontextmanager
    async def claim(self, token: str) -> AsyncIterator[None]:
        """Use up all tokens for the work of this context; they are valid again when it fails.

        Raise InvalidSetupToken, always with the same message: also when there is an administrator.
        """
        document = await self._store.get(SETUPS, equal("_id", _ID))
        hashed = hash_token(token)
        entries = [] if document is None else self._list_valid(document)
        matches = sum(hmac.compare_digest(entry["hash"], hashed) for entry in entries)  # all are compared
        if document is None or not matches or not await self.is_missing() or not await self._delete(document):
            raise InvalidSetupToken.at(
                "body",
                "/token",
                "The link was used, has expired, or the server has an administrator already. Log in; without an "
                "administrator, start the server again: it prints a new link.",
            )
        try:
            yield
        except BaseException:
            with suppress(Duplicate):  # another server has issued a token meanwhile
                await self._store.insert(SETUPS, [document])
            raise

    async def create_configured(self, login: str | None, password_file: Path | None) -> None:
        """Create the administrator of the settings, unless there is one; of several processes, one does.

        An existing user is never changed.  Raise ValueError when the settings are incomplete or the password is weak.
        """
        if login is None or not await self.is_missing():
            return
        if password_file is None:
            raise ValueError(
                "OKUBE_ADMIN_LOGIN needs OKUBE_ADMIN_PASSWORD_FILE, a file with the password. A variable with the "
                "password itself is not read: other processes, logs and inspections of containers show variables."
            )
        try:
            content = await to_thread.run_sync(read_secret_file, password_file, "OKUBE_ADMIN_PASSWORD_FILE")
            password = content.decode("utf-8").rstrip("\r\n")
        except BadSecret as error:
            raise ValueError(str(error)) from None
        except UnicodeDecodeError as error:
            raise ValueError(f"OKUBE_ADMIN_PASSWORD_FILE: {error}") from None
        try:
            require_strong_password(password, login)
        except WeakPassword as error:
            raise ValueError(f"OKUBE_ADMIN_PASSWORD_FILE: {error.detail}") from None
        try:
            await self._users.create(login, hash_password(password), platform_admin=True)
        except Taken:
            if await self.is_missing():  # else another process was faster
                log.warning("OKUBE_ADMIN_LOGIN is the login of a user who is no administrator; nothing was changed")
            return
        await self._store.delete(SETUPS, equal("_id", _ID))
        log.info("created the administrator of OKUBE_ADMIN_LOGIN")

    def _list_valid(self, document: Json) -> list[Json]:
        now = stamp(self._clock())
        return [entry for entry in document["tokens"] if entry["expiresAt"] > now]

    async def _replace(self, document: Json, entries: list[Json]) -> bool:
        unchanged = equal("_id", _ID) & equal("version", document["version"])
        changed = document | {"tokens": entries, "version": document["version"] + 1}
        return await self._store.replace(SETUPS, unchanged, changed)

    async def _delete(self, document: Json) -> bool:
        unchanged = equal("_id", _ID) & equal("version", document["version"])
        return bool(await self._store.delete(SETUPS, unchanged))
