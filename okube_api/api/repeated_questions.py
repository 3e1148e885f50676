"""Answers a repeated question before all other middleware and the route: they come to the same result each time.

What the proxy headers, the host, the path, the query string, `Accept` and `Accept-Encoding` mean depends only on the
head of a request and the settings.  So the response with a cached answer is kept for the head of the request that it
was sent to.  The token, the access of its user, the rate limits and the validity of the answer are checked each time.
"""

from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from okube_api.analytics.answer_cache import CacheEntry, CacheKey, SentResponse
from okube_api.api.container import get_services
from okube_api.api.request_body import MAX_BYTES_ON_LOOP
from okube_api.errors import Refusal
from okube_api.http.ignored_names import HEADER as IGNORED_HEADER
from okube_api.http.problems import handle_error
from okube_api.metrics import count_cached_answer
from okube_api.store.errors import StoreError

_QUESTIONS = b"/analytics"  # at the end of the paths of questions
_MOST_HEADS = 1024
_MOST_HEADER_BYTES = 4096  # of a request
_STATE = "cached_question"  # in the state of a request: the key and the entry of the cached answer


def note_cached(scope: Scope, key: CacheKey, entry: CacheEntry) -> None:
    """Note that a request is answered with an answer that is in the cache."""
    scope["state"][_STATE] = (key, entry)


@dataclass(frozen=True, slots=True)
class _HeadFacts:
    """What the rest of the server read from the head of a request, for the answer, the limits, the log and the metrics.

    query: without unknown names.
    client_host: address of the client, which a trusted proxy names.
    ignored: value of the header with the unknown names in the query string.
    """

    path: str
    query: bytes
    media_type: str
    scheme: str
    client_host: str | None
    route: Any
    ignored: str | None


class RepeatedQuestions:
    """Middleware that answers questions again whose response is known; it passes on everything else.

    It must be outside of all that a response depends on, and inside of what is added to every response.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._facts_by_head: dict[Hashable, _HeadFacts] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a repeated question; pass on any other request."""
        head, authorization = _read_head(scope)
        if head is None:
            await self.app(scope, receive, send)
            return
        facts = self._facts_by_head.get(head)
        if facts is not None:
            messages, body = await _read_small_body(receive)
            if body is not None:
                response = await _repeat(head, facts, authorization, body, scope)
                if isinstance(response, Response):
                    await response(scope, receive, send)
                    return
                if response is not None:
                    headers = list(response.headers)
                    await send({"type": "http.response.start", "status": response.status, "headers": headers})
                    await send({"type": "http.response.body", "body": response.body})
                    return
            receive = _replay(messages, receive)
        await self._observe(head, scope, receive, send)

    async def _observe(self, head: Hashable, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; keep the response if it has a cached answer."""
        response: SentResponse | None = None
        start: Message | None = None

        async def send_and_record(message: Message) -> None:
            nonlocal response, start
            response = None  # of several parts, unless this is the first
            if message["type"] == "http.response.start":
                start = {"status": message["status"], "headers": tuple(message["headers"])}
            elif start is not None:
                if not message.get("more_body", False):
                    response = SentResponse(start["status"], start["headers"], message.get("body", b""))
                start = None
            await send(message)

        await self.app(scope, receive, send_and_record)
        state = scope["state"]
        ignored: str | None = state.get("headers", {}).get(IGNORED_HEADER)
        if response is None or _STATE not in state or _is_body_changed(ignored):
            return
        key, entry = state[_STATE]
        get_services(Request(scope)).analytics.answer_cache.put_response(key, entry, head, response)
        if head not in self._facts_by_head:
            if len(self._facts_by_head) >= _MOST_HEADS:
                self._facts_by_head.clear()
            self._facts_by_head[head] = _HeadFacts(
                path=key.path,
                query=key.query,
                media_type=key.media_type,
                scheme=scope["scheme"],
                client_host=_get_host(scope),
                route=scope.get("route"),
                ignored=ignored,
            )


def _read_head(scope: Scope) -> tuple[Hashable | None, str]:
    """Return what a response to a question depends on besides the body, and the `Authorization` header.

    The head is None if the request is no question, does not have exactly one such header, or has large headers.
    """
    if scope["type"] != "http" or scope["method"] != "POST" or not (scope.get("raw_path") or b"").endswith(_QUESTIONS):
        return None, ""
    authorization: bytes | None = None
    headers = []
    size = 0
    for header in scope["headers"]:
        name, value = header
        if name == b"authorization":
            if authorization is not None:
                return None, ""
            authorization = value
        elif name != b"x-request-id":
            headers.append(header)
            size += len(name) + len(value)
    if authorization is None or size > _MOST_HEADER_BYTES:
        return None, ""
    head = (scope["raw_path"], scope["query_string"], scope["scheme"], _get_host(scope), *headers)
    return head, authorization.decode("latin-1")


def _is_body_changed(ignored: str | None) -> bool:
    """Return whether names in the body were left out: the key of the answer has another body than the request then."""
    return ignored is not None and any(name.startswith("body") for name in ignored.split(", "))


def _get_host(scope: Scope) -> str | None:
    client = scope.get("client")
    return client[0] if client else None


async def _repeat(
    head: Hashable, facts: _HeadFacts, authorization: str, body: bytes, scope: Scope
) -> SentResponse | Response | None:
    """Return the known response to a question, or a refusal above a rate limit.

    Return None, without having counted the request, when the response is not known, not valid any more, or not for
    this caller.
    """
    request = Request(scope)
    services = get_services(request)
    key = CacheKey(facts.path, facts.query, facts.media_type, body)
    if not services.analytics.answer_cache.has_response(key, head):
        return None
    with services.store.hold_revisions(scope["path"]):
        try:
            identity = await services.sessions.identify(authorization)
            entry = await services.analytics.find_cached(key, identity.user)
        except (Refusal, StoreError):
            return None
    if entry is None or (response := entry.responses.get(head)) is None:
        return None
    scope["scheme"], scope["route"] = facts.scheme, facts.route
    if facts.client_host != _get_host(scope):
        scope["client"] = (facts.client_host, 0)
    state = scope["state"]
    state["user_id"] = identity.user.id
    if facts.ignored is not None:
        state["headers"] = {IGNORED_HEADER: facts.ignored}
    try:
        await services.rate_limits.check_address(request)
        await services.rate_limits.check_caller(request, identity.rate_limit_key)
    except (Refusal, StoreError) as error:
        return await handle_error(request, error)
    count_cached_answer()
    return response


async def _read_small_body(receive: Receive) -> tuple[list[Message], bytes | None]:
    """Return the messages that were received, and their body; None if it is large, or if the client disconnected."""
    messages: list[Message] = []
    body = b""
    while len(body) <= MAX_BYTES_ON_LOOP:
        message = await receive()
        messages.append(message)
        if message["type"] != "http.request":
            break
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return messages, body
    return messages, None


def _replay(messages: Sequence[Message], receive: Receive) -> Receive:
    """Return a receive function that returns messages that were received already, then what follows them."""
    received = deque(messages)

    async def receive_again() -> Message:
        return received.popleft() if received else await receive()

    return receive_again
