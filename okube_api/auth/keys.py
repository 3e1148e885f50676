"""API keys: tokens for programs, valid until they are deleted or expire, or until their user's password changes."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from okube_api.auth.repository import Role, User
from okube_api.auth.tokens import NEVER_EXPIRES, Signer, Token
from okube_api.clock import Clock
from okube_api.errors import NotFound
from okube_api.kit.creation_ids import create_secret
from okube_api.kit.repository import Repository
from okube_api.store.conditions import equal
from okube_api.store.protocol import Store
from okube_api.store.schema import Collection, ColumnType
from okube_api.store.values import Json

KEYS = Collection(
    "api_keys",
    fields={
        "version": ColumnType.INTEGER,
        "user": ColumnType.TEXT,
        "applications": ColumnType.TEXTS,  # those that it is restricted to; absent when it is not
    },
    has_revision=True,
)


class ApiKeyRepository(Repository):
    """Stores the API keys of all users."""

    collection = KEYS
    kind = "API key"

    def __init__(self, store: Store, clock: Clock, signer: Signer) -> None:
        super().__init__(store, clock)
        self._signer = signer

    async def create(self, user: User, fields: Mapping[str, Any]) -> tuple[Json, str]:
        """Insert a new key; return it and its token, which is not stored.

        When an earlier attempt of the same request has created the key, return that one, with the same token.
        fields: `name`, and optionally `applications` (ids), `role`, `expiresAt` and `survivesPasswordChange`.
        """
        secret = create_secret("API key")
        document = await self.find_created()
        if document is None:
            defaults = {"user": user.id, "generation": user.generation, "survivesPasswordChange": False}
            document = self.build_document("", {**defaults, **fields, "hash": _hash(secret)})
            del document["application"]
            await self.insert([document])
        expires = datetime.fromisoformat(document["expiresAt"]) if document.get("expiresAt") else NEVER_EXPIRES
        created_at = datetime.fromisoformat(document["createdAt"]).replace(microsecond=0)
        return document, self._signer.sign(Token(document["_id"], user.id, 0, created_at, expires, secret))

    async def remove_all(self, user: str) -> None:
        """Delete all keys of a user, by the user's id."""
        await self.store.delete(KEYS, equal("user", user))

    async def drop_application(self, key: Json, application: str) -> None:
        """Take a deleted application from those that a key is restricted to; delete a key for no other one."""

        async def edit(stored: Json) -> Json:
            remaining = [each for each in stored["applications"] if each != application]
            return stored | {"applications": remaining}

        changed = await self.change(key, edit)
        if not changed["applications"]:  # it would allow nothing
            await self.remove(changed)

    async def get_for_user(self, user: User, identifier: str) -> Json:
        """Return a key of a user.  Raise NotFound, also for another user's key."""
        document = await self.get_by_id(identifier)
        if document["user"] != user.id:
            raise NotFound(self.kind, identifier)
        return document

    async def load_user(self, token: Token, user: User) -> User | None:
        """Return the user with the restrictions of the token's key; None when the token has no valid key."""
        document = await self.store.get(KEYS, equal("_id", token.identifier))
        if document is None or document["user"] != user.id or token.secret is None:
            return None
        if not hmac.compare_digest(document["hash"], _hash(token.secret)):
            return None
        # Keys of earlier versions have no generation: they were promised to survive.
        survives = document.get("survivesPasswordChange", True)
        if not survives and document["generation"] != user.generation:
            return None
        max_role = document.get("role")
        return user.restrict(document.get("applications"), Role(max_role) if max_role else None)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
