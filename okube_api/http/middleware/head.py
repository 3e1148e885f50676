"""Answer HEAD at every GET route (RFC 9110): the headers of the GET, without its body."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class _HeadersSent(Exception):
    """Ends an endpoint that would send more of the body."""


class HeadRequests:
    """Middleware that passes a HEAD request on as GET and drops the body of the answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; of the answer to HEAD send the headers only."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        is_complete = False

        async def send_without_body(message: Message) -> None:
            nonlocal is_complete
            if message["type"] == "http.response.body":
                has_more = message.get("more_body", False)
                if not is_complete:
                    is_complete = True
                    await send({"type": "http.response.body", "body": b""})
                if has_more:  # stop the endpoint instead of letting it compute a long table
                    raise _HeadersSent
                return
            await send(message)

        # A copy: the server and the log still see HEAD.  The route is copied back for the metrics.
        get_scope = {**scope, "method": "GET"}
        try:
            await self.app(get_scope, receive, send_without_body)
        except _HeadersSent:
            return
        finally:
            if "route" in get_scope:
                scope["route"] = get_scope["route"]
