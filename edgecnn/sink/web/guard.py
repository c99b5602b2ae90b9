"""Who may use the page: whoever has the token, from a page of ours, by a name that is this machine's."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import socket
import time
from contextlib import suppress
from importlib.resources import files
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from edgecnn.quiet import say

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "edgecnn-token"
# How long the answer to a wrong token takes, and how often one is said to the person at the machine.
WRONG_S = 1.0
SAY_S = 10.0
_MOST_FORM, _FORM_S = 4096, 10.0
_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    # With no-referrer a browser calls the origin of our own form null.
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}


class Guard:
    """ASGI middleware in front of all pages.

    Parameters
    ----------
    token
        What has to be shown: in the header `Authorization: Bearer`, or in the cookie that the page sets after
        `/?token=` or the form. None lets everybody in who gets here.
    """

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        self._app, self._token = app, token
        name = socket.gethostname().lower()
        self._names = {"localhost", name, f"{name}.local", socket.getfqdn().lower()}
        self._said, self._wrong = 0.0, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let the app do so; every answer gets the headers that browsers protect it by."""
        if scope["type"] != "http":
            return

        async def safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                extra = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
                message["headers"] = [*message.get("headers", []), *extra]
            await send(message)

        try:
            request = Request(scope, receive)
            refusal = self._is_foreign(request) or await self._lacks_token(request)
        except ClientDisconnect:
            return
        await (refusal or self._app)(scope, receive, safely)

    def _is_foreign(self, request: Request) -> Response | None:
        """Return the answer to a request that another page made a browser send."""
        host = request.headers.get("host", "")
        # The cookie does not follow a name that was pointed here from elsewhere.
        if self._token is None and not self._is_ours(host):
            return PlainTextResponse(f"this machine is not called {host!r}", 421)
        origin = request.headers.get("origin")
        if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
            return PlainTextResponse("this comes from another page", 403)
        return None

    async def _lacks_token(self, request: Request) -> Response | None:
        """Return the answer to a request without the right token, or that brings it for the first time."""
        if self._token is None:
            return None
        if (offered := await self._typed(request)) is not None:
            if self._is_right(offered):
                answer = RedirectResponse("/", 303)
                answer.set_cookie(COOKIE, offered, httponly=True, samesite="strict", max_age=365 * 86400)
                return answer
        else:
            offered = _shown(request)
            if offered is not None and self._is_right(offered):
                return None
        if offered:
            await self._punish(request)
        if "text/html" in request.headers.get("accept", ""):
            return HTMLResponse(files(__package__).joinpath("static/token.html").read_bytes(), 401)
        return PlainTextResponse("a token is needed: Authorization: Bearer TOKEN", 401)

    def _is_ours(self, host: str) -> bool:
        """Whether a browser that uses this name means this machine: see DNS rebinding.

        Addresses are no names, so they can't be rebound.
        """
        name = host.lower().rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host.lower()
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return name in self._names
        return True

    async def _typed(self, request: Request) -> str | None:
        """Return the token in the page's address or from the form."""
        if request.url.path == "/" and "token" in request.query_params:
            return request.query_params["token"]
        if request.url.path == "/token" and request.method == "POST":
            body = b""
            with suppress(TimeoutError):
                async with asyncio.timeout(_FORM_S):
                    async for chunk in request.stream():
                        body += chunk
                        if len(body) > _MOST_FORM:
                            break
            return parse_qs(body.decode("utf-8", "replace")).get("token", [""])[0].strip()
        return None

    def _is_right(self, offered: str) -> bool:
        return hmac.compare_digest(offered.encode(), (self._token or "").encode())

    async def _punish(self, request: Request) -> None:
        """Make guessing slow, and say that somebody guesses."""
        self._wrong += 1
        if time.monotonic() - self._said >= SAY_S:
            who = request.client.host if request.client else "somebody"
            say(f"wrong token from {who}" + (f", {self._wrong} in all" if self._wrong > 1 else ""))
            self._said = time.monotonic()
        await asyncio.sleep(WRONG_S)


def _shown(request: Request) -> str | None:
    """Return the token that a request carries."""
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    return request.cookies.get(COOKIE)
