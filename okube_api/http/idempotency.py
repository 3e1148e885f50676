"""`Idempotency-Key`: a creation that is sent twice is carried out once, and answered the same again.

A key is the caller's own, whoever else uses the same text.  It is claimed before the work begins, in the store, so that
of many at once, in whatever process, one does the work.  What the answer was is kept for a day; a refusal is not, since
nothing was done.  A claim whose process died is free again after a while.
"""

import base64
import hashlib
import hmac
import re
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from okube_api.clock import Clock, stamp
from okube_api.errors import BadRequest, Impossible, InFlight
from okube_api.store.base import Between, Collection, Duplicate, Json, Kind, Store, equal

HEADER = "Idempotency-Key"
KEPT = timedelta(hours=24)
CLAIMED = timedelta(minutes=10)  # how long work may take before others take its process for dead
LONGEST = 255
_KEY = re.compile(rf"[!-~]{{1,{LONGEST}}}")

IDEMPOTENCY = Collection("idempotency", fields={"version": Kind.INTEGER, "expiresAt": Kind.TEXT})
"""One per key: while its work is under way `answer` is absent, then it says what was answered to what."""

Perform = Callable[[Request], Awaitable[Response]]


class KeyReused(Impossible):
    """422: the same key came with another request before."""

    code = "idempotency_key_reused"


@dataclass(frozen=True, slots=True)
class _Claim:
    """A key that this request holds; `version` tells it from a later claim of the same key."""

    id: str
    version: int


class Idempotency:
    """Who did what under which key."""

    def __init__(self, store: Store, clock: Clock, secret: bytes) -> None:
        self._store = store
        self._clock = clock
        self._secret = hmac.digest(secret, b"okube-api idempotency", "sha256")  # bodies may hold passwords

    async def once(self, caller: str, key: str, request: Request, perform: Perform) -> Response:
        """The answer to the request: now carried out, or as it was when the key came first.

        Raises BadRequest, InFlight and KeyReused, and whatever `perform` does.
        """
        if not _KEY.fullmatch(key):
            message = f"A key has 1 to {LONGEST} characters of ASCII, without spaces."
            raise BadRequest.because("header", f"/{HEADER}", "invalid", message)
        body = _Body(request, self._secret)
        held = await self._claimed(hmac.new(self._secret, f"{caller}\n{key}".encode(), "sha256").hexdigest()[:24])
        if not isinstance(held, _Claim):
            return await self._again(held, body)
        try:
            response = await perform(Request(request.scope, body.receive))
            await self._keep(held, response, await body.fingerprint())
        except BaseException:
            await self._store.delete(IDEMPOTENCY, equal("_id", held.id) & equal("version", held.version))
            raise
        return response

    async def _claimed(self, identifier: str) -> _Claim | Json:
        """The claim, or what is known of the key already."""
        now = self._clock()
        await self._store.delete(IDEMPOTENCY, Between("expiresAt", None, stamp(now)))
        document = {"_id": identifier, "version": 1, "expiresAt": stamp(now + CLAIMED)}
        try:
            await self._store.insert(IDEMPOTENCY, [document])
        except Duplicate:
            known = await self._store.get(IDEMPOTENCY, equal("_id", identifier))
            return known or document  # gone in the meantime: as if under way, so that the caller tries again
        return _Claim(identifier, 1)

    async def _keep(self, claim: _Claim, response: Response, fingerprint: str) -> None:
        kept = {
            "_id": claim.id,
            "version": claim.version + 1,
            "expiresAt": stamp(self._clock() + KEPT),
            "fingerprint": fingerprint,
            "answer": {
                "status": response.status_code,
                "headers": [[name, text] for name, text in response.headers.items() if name != "content-length"],
                "body": base64.b64encode(zlib.compress(bytes(response.body))).decode("ascii"),
            },
        }
        await self._store.replace(IDEMPOTENCY, equal("_id", claim.id) & equal("version", claim.version), kept)

    async def _again(self, known: Json, body: "_Body") -> Response:
        if "answer" not in known:
            raise InFlight(f"A request with this {HEADER} is under way. Try again when it is answered.")
        if not hmac.compare_digest(known["fingerprint"], await body.fingerprint()):
            raise KeyReused.at("header", f"/{HEADER}", f"This {HEADER} came with another request before.")
        answer = known["answer"]
        content = zlib.decompress(base64.b64decode(answer["body"]))
        return Response(content, answer["status"], {**dict(answer["headers"]), "Idempotency-Replayed": "true"})


class _Body:
    """A body that is hashed as it is read: two requests are the same when everything that counts in them is.

    Boundaries between parts are made anew for each request: they do not count.
    """

    def __init__(self, request: Request, secret: bytes) -> None:
        self._request = request
        kind, _, parameters = request.headers.get("content-type", "").partition("boundary=")
        self._boundary = parameters.partition(";")[0].strip().strip('"').encode("latin-1")
        url = (request.method, request.scope["path"], request.scope["query_string"].decode("latin-1"))
        self._hash = hmac.new(secret, "\n".join((*url, kind)).encode(), hashlib.sha256)
        self._tail = b""
        self._whole = False

    async def receive(self) -> Message:
        """What the server gives, seen on its way."""
        message = await self._request.receive()
        if message["type"] == "http.request":
            self._see(message.get("body", b""))
            self._whole = not message.get("more_body", False)
        return message

    async def fingerprint(self) -> str:
        """What tells this request from others; reads what is left of the body."""
        while not self._whole and (await self.receive())["type"] == "http.request":
            pass
        self._hash.update(self._tail)
        self._tail = b""
        return self._hash.hexdigest()

    def _see(self, chunk: bytes) -> None:
        """Hashes all but what may be the beginning of a boundary."""
        if not self._boundary:
            self._hash.update(chunk)
            return
        seen = (self._tail + chunk).replace(self._boundary, b"")
        keep = min(len(seen), len(self._boundary) - 1)
        self._hash.update(seen[: len(seen) - keep])
        self._tail = seen[len(seen) - keep :]


def shown_header() -> dict[str, Any]:
    """The header, as the OpenAPI document has it."""
    return {
        "name": HEADER,
        "in": "header",
        "required": False,
        "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST, "pattern": "^[!-~]+$"},
        "description": "Carries the request out once, however often it is sent with this key within 24 hours.",
    }
