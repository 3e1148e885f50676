"""`Idempotency-Key`: a creation that is sent again is carried out once; the second request gets the first answer.

Keys are separate for each caller.  A key is claimed in the store before the work begins, so that only one of several
concurrent requests, in any process, does the work.  The answer is stored for 24 hours; a refusal is not stored, since
nothing was done.  An answer with a secret is stored encrypted: who has the store, and even the secret of the server,
cannot read it without the idempotency key of the client.

The process that works renews its claim.  When it dies, or the work ends without an answer, the next request with the
key takes the claim over and carries the request out again.  What it creates has the same ids as in the first attempt
(see `kit/creation_ids.py`), so that it finds what the first attempt has created.
"""

import asyncio
import base64
import hashlib
import hmac
import re
import secrets
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import anyio
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from okube_api.clock import Clock, stamp
from okube_api.errors import BadRequest, Impossible, Refusal, RequestConflict
from okube_api.kit.creation_ids import CREATION_IDS, CreationIds
from okube_api.store.conditions import Between, Condition, equal
from okube_api.store.errors import Duplicate, StoreError
from okube_api.store.protocol import Store
from okube_api.store.schema import Collection, ColumnType
from okube_api.store.values import Json

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

HEADER = "Idempotency-Key"
ANSWER_LIFETIME = timedelta(hours=24)
LEASE_LIFETIME = timedelta(seconds=3)  # after which the process that works on it is considered dead
RENEWAL_S = 1.0
_POLL_S = 0.1  # between two looks at the claim of another process
MAX_KEY_LENGTH = 255
_KEY = re.compile(rf"[!-~]{{1,{MAX_KEY_LENGTH}}}")

IDEMPOTENCY = Collection(
    "idempotency",
    fields={
        "version": ColumnType.INTEGER,
        "expiresAt": ColumnType.TEXT,
        "applications": ColumnType.TEXTS,  # those that the request needed access to; absent without an answer
    },
)
"""One document per key: without `answer` while the request is in progress, then with the answer and a fingerprint."""

Perform = Callable[[Request], Awaitable[Response]]


class AccessRecord(Protocol):
    """What a request needed of the access of its caller; a stored answer is given only to who still has it."""

    def dump(self) -> list[list[str]]:
        """Return what the request has needed so far, as JSON."""

    async def require(self, entries: list[list[str]]) -> None:
        """Raise Forbidden or NotFound unless the caller has the access that an earlier request needed."""


class KeyReused(Impossible):
    """422: the key was used for a different request before."""

    code = "idempotency_key_reused"


@dataclass(frozen=True, slots=True)
class _Claim:
    """A key claimed by this request; `version` distinguishes it from a later claim of the same key."""

    id: str
    version: int
    creation: CreationIds


class Idempotency:
    """Runs requests once per key, and replays their answers."""

    def __init__(self, store: Store, clock: Clock, secret: bytes) -> None:
        self._store = store
        self._clock = clock
        self._secret = hmac.digest(secret, b"okube-api idempotency", "sha256")  # keyed: bodies may contain passwords
        self._owner = secrets.token_hex(12)
        self._running: set[str] = set()  # ids of the claims of this process

    async def run_once(
        self,
        caller: str,
        key: str,
        request: Request,
        perform: Perform,
        access: AccessRecord,
        *,
        has_secret: bool = False,
    ) -> Response:
        """Carry out the request and return its answer, or return the stored answer of the first request with this key.

        has_secret: whether the answer contains a secret.
        Raise BadRequest for a malformed key, RequestConflict while the first request is in progress, KeyReused when the
        key belongs to a different request, what `access` raises when the caller has lost the access that the first
        request needed, and whatever `perform` raises.
        """
        if not _KEY.fullmatch(key):
            message = f"{HEADER} must have 1 to {MAX_KEY_LENGTH} printable ASCII characters, without spaces."
            raise BadRequest.with_code("header", f"/{HEADER}", "invalid", message)
        body = _HashedBody(request, self._secret)
        identifier = hmac.new(self._secret, f"{caller}\n{key}".encode(), "sha256").hexdigest()[:24]
        secret_key = hmac.digest(self._secret, f"secrets\n{caller}\n{key}".encode(), "sha256")
        claim = await self._claim_key(identifier, secret_key)
        if not isinstance(claim, _Claim):
            await access.require(claim.get("access", []))
            return await self._replay(claim, body, secret_key)
        async with self._hold(claim):
            response = await perform(Request(request.scope, body.receive))
            fernet = _create_fernet(secret_key) if has_secret else None
            await self._store_answer(claim, response, await body.fingerprint(), access, fernet)
        return response

    async def _claim_key(self, identifier: str, secret_key: bytes) -> _Claim | Json:
        """Return a new claim of the key, or the document of the request that has it already.

        Wait for a request of another process until it has an answer, renews its claim or is considered dead.
        """
        now = self._clock()
        await self._store.delete(IDEMPOTENCY, Between("expiresAt", None, stamp(now)))
        creation = CreationIds(secrets.token_bytes(16), int(now.timestamp()), secret_key=secret_key)
        claim = _Claim(identifier, 1, creation)
        document = self._build_document(claim, now)
        with suppress(Duplicate):
            await self._store.insert(IDEMPOTENCY, [document])
            return claim
        seen: Json | None = None
        while True:
            stored = await self._store.get(IDEMPOTENCY, equal("_id", identifier))
            if stored is None:
                return document  # deleted in the meantime: report it as in progress, so that the caller retries
            if "answer" in stored:
                return stored
            if self._is_dead(stored):
                return await self._take_over(stored, secret_key) or stored
            is_renewed = seen is not None and stored.get("leaseUntil") != seen.get("leaseUntil")
            if stored.get("owner") == self._owner or is_renewed:
                return stored
            seen = stored
            await anyio.sleep(_POLL_S)

    def _is_dead(self, stored: Json) -> bool:
        """Return whether nobody works on a claim any more."""
        if stored.get("owner") == self._owner:
            return stored["_id"] not in self._running
        return self._store.is_exclusive or stored.get("leaseUntil", "") <= stamp(self._clock())

    async def _take_over(self, stored: Json, secret_key: bytes) -> _Claim | None:
        """Claim the key of a request that ended without an answer; return None when another request was faster."""
        now = self._clock()
        seed = bytes.fromhex(stored["seed"]) if "seed" in stored else secrets.token_bytes(16)
        started_s = stored.get("startedAt", int(now.timestamp()))
        creation = CreationIds(seed, started_s, is_repeated=True, secret_key=secret_key)
        claim = _Claim(stored["_id"], stored["version"] + 1, creation)
        unchanged = equal("_id", stored["_id"]) & equal("version", stored["version"])
        is_replaced = await self._store.replace(IDEMPOTENCY, unchanged, self._build_document(claim, now))
        return claim if is_replaced else None

    def _build_document(self, claim: _Claim, now: datetime) -> Json:
        return {
            "_id": claim.id,
            "version": claim.version,
            "expiresAt": stamp(now + ANSWER_LIFETIME),
            "owner": self._owner,
            "leaseUntil": stamp(now + LEASE_LIFETIME),
            "seed": claim.creation.seed.hex(),
            "startedAt": claim.creation.started_s,
        }

    @asynccontextmanager
    async def _hold(self, claim: _Claim) -> AsyncIterator[None]:
        """Renew a claim while its request is carried out; delete it when the request is refused.

        Any other error leaves it, to be taken over: what the request creates may be there although it failed.
        """

        async def renew() -> None:
            while True:
                await anyio.sleep(RENEWAL_S)
                with suppress(StoreError):
                    lease = {"leaseUntil": stamp(self._clock() + LEASE_LIFETIME)}
                    await self._store.update(IDEMPOTENCY, _match_claim(claim), lease)

        self._running.add(claim.id)
        task, token = asyncio.create_task(renew()), CREATION_IDS.set(claim.creation)
        try:
            yield
        except Refusal:
            await self._store.delete(IDEMPOTENCY, _match_claim(claim))
            raise
        except BaseException:
            with anyio.CancelScope(shield=True), suppress(StoreError):
                await self._store.update(IDEMPOTENCY, _match_claim(claim), {"leaseUntil": ""})
            raise
        finally:
            CREATION_IDS.reset(token)
            task.cancel()
            self._running.discard(claim.id)

    async def _store_answer(
        self, claim: _Claim, response: Response, fingerprint: str, access: AccessRecord, fernet: "Fernet | None"
    ) -> None:
        """Store the answer of a request; fernet: encrypts its body."""
        packed = zlib.compress(bytes(response.body))
        body = base64.b64encode(packed) if fernet is None else fernet.encrypt(packed)
        entries = access.dump()
        document = {
            "_id": claim.id,
            "version": claim.version + 1,
            "expiresAt": stamp(self._clock() + ANSWER_LIFETIME),
            "fingerprint": fingerprint,
            "access": entries,
            "applications": sorted({application for application, _role in entries}),
            "answer": {
                "status": response.status_code,
                "headers": [[name, text] for name, text in response.headers.items() if name != "content-length"],
                "body": body.decode("ascii"),
                "isEncrypted": fernet is not None,
            },
        }
        await self._store.replace(IDEMPOTENCY, _match_claim(claim), document)

    async def _replay(self, stored: Json, body: "_HashedBody", secret_key: bytes) -> Response:
        """Return the stored answer.  Raise RequestConflict when there is none yet, KeyReused for another request."""
        if "answer" not in stored:
            raise RequestConflict(f"A request with this {HEADER} is in progress. Try again later.")
        if not hmac.compare_digest(stored["fingerprint"], await body.fingerprint()):
            message = f"This {HEADER} was used for a different request. Use a new key for each request."
            raise KeyReused.at("header", f"/{HEADER}", message)
        answer = stored["answer"]
        is_encrypted = answer.get("isEncrypted", False)  # absent in answers of earlier versions
        packed = (
            _create_fernet(secret_key).decrypt(answer["body"]) if is_encrypted else base64.b64decode(answer["body"])
        )
        return Response(
            zlib.decompress(packed), answer["status"], {**dict(answer["headers"]), "Idempotency-Replayed": "true"}
        )


def _create_fernet(secret_key: bytes) -> "Fernet":
    from cryptography.fernet import Fernet  # noqa: PLC0415 - 14 MB, needed only for answers with a secret

    return Fernet(base64.urlsafe_b64encode(hmac.digest(secret_key, b"answer", "sha256")))


def _match_claim(claim: _Claim) -> Condition:
    return equal("_id", claim.id) & equal("version", claim.version)


class _HashedBody:
    """A body that is hashed while it is read; two requests are the same when their hashes are.

    The hash covers the method, path, query, content type and body.  The boundary of a multipart body is left out, since
    clients generate a new one for each request.
    """

    def __init__(self, request: Request, secret: bytes) -> None:
        self._request = request
        kind, _, parameters = request.headers.get("content-type", "").partition("boundary=")
        self._boundary = parameters.partition(";")[0].strip().strip('"').encode("latin-1")
        url = (request.method, request.scope["path"], request.scope["query_string"].decode("latin-1"))
        self._hash = hmac.new(secret, "\n".join((*url, kind)).encode(), hashlib.sha256)
        self._tail = b""
        self._complete = False

    async def receive(self) -> Message:
        """Return the next message of the server, and hash the part of the body in it."""
        message = await self._request.receive()
        if message["type"] == "http.request":
            self._update_hash(message.get("body", b""))
            self._complete = not message.get("more_body", False)
        return message

    async def fingerprint(self) -> str:
        """Read the rest of the body and return the hash of the request."""
        while not self._complete and (await self.receive())["type"] == "http.request":
            pass
        self._hash.update(self._tail)
        self._tail = b""
        return self._hash.hexdigest()

    def _update_hash(self, chunk: bytes) -> None:
        """Hash a chunk without boundaries; keep back its end, where a boundary may begin."""
        if not self._boundary:
            self._hash.update(chunk)
            return
        data = (self._tail + chunk).replace(self._boundary, b"")
        tail_length = min(len(data), len(self._boundary) - 1)
        self._hash.update(data[: len(data) - tail_length])
        self._tail = data[len(data) - tail_length :]


def describe_header() -> dict[str, Any]:
    """Return the header parameter for the OpenAPI document."""
    return {
        "name": HEADER,
        "in": "header",
        "required": False,
        "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_LENGTH, "pattern": "^[!-~]+$"},
        "description": "Carries the request out once, even if it is sent again with the same key within 24 hours.",
    }
