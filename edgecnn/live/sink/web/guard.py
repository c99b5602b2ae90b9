"""Checks each request's token, origin and host name before the pages see it.

Only the head is used. A refused request closes its connection, and its body is not read.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import socket
import time
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from edgecnn.io.quiet import say
from edgecnn.live.sink.web.admission import length_of, read_body
from edgecnn.live.sink.web.guesses import Guesses
from edgecnn.live.sink.web.pools import client_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "edgecnn-token"
# The least time between two reports of wrong tokens on stderr.
SAY_S = 10.0
_MOST_FORM = 4096
# The texts before a token in a request, and the most matches of each: a head may be full of them.
_MARKS, _MOST_MARKS = (b"bearer ", b"token="), 4
_VALUE = re.compile(rb" *([^\s;&]*)")
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    # With no-referrer, browsers send `Origin: null` from our own form.
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}
_ENCODED = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
_CLOSE = (b"connection", b"close")


@cache
def static_files() -> StaticFiles:
    """Return what serves the page's own files; `/` is `index.html`."""
    return StaticFiles(packages=[(__package__, "static")], html=True)


@cache
def static_paths() -> tuple[str, ...]:
    """Return the paths of the page's own files; `token.html` is the guard's."""
    static = Path(str(files(__package__).joinpath("static")))
    found = sorted(path for suffix in ("js", "css") for path in static.rglob(f"*.{suffix}"))
    return "/", *(f"/{path.relative_to(static).as_posix()}" for path in found)


class Guard:
    """ASGI middleware in front of all pages.

    Parameters
    ----------
    token
        The required token: in the header `Authorization: Bearer`, or as the cookie that the page sets after
        `/?token=` or the form. None admits every request.
    bodies
        The most bytes in the body of a POST, by path; 0 for other paths.
    """

    def __init__(self, app: ASGIApp, token: str | None, bodies: Mapping[str, int]) -> None:
        self._app, self._token = app, token
        self._cookie = hmac.digest((token or "").encode(), b"the page's cookie", "sha256").hex()
        self._bodies = {**bodies, "/token": _MOST_FORM}
        name = socket.gethostname().lower()
        self._names = {"localhost", name, f"{name}.local", socket.getfqdn().lower()}
        self._guesses = Guesses()
        self._said, self._wrong = 0.0, 0

    def shows_token(self, client: str, head: bytes) -> bool:
        """Whether the beginning of a request contains the token; True where none is required.

        It reveals no more than an answer would: a token that would be ignored is ignored here too.
        """
        if self._token is None:
            return True
        known = [self._cookie]
        if not self._guesses.are_too_many(client) or self._guesses.is_trusted(client):
            known.append(self._token)
        return any(
            hmac.compare_digest(one, right.encode()) for one in _possible_tokens(head) for right in known
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse or pass on a request; add the security headers to every answer."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        unread = length_of(request) > self._most(request)

        async def safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *_ENCODED]
                if message["status"] >= 400 or unread:
                    message["headers"].append(_CLOSE)
            await send(message)

        try:
            answer = (
                self._refuse_cross_site(request)
                or self._refuse_body(request)
                or await self._ask_token(request)
            )
        except ClientDisconnect:
            return
        except HTTPException as error:
            answer = PlainTextResponse(error.detail, error.status_code)
        if answer is None:
            scope["state"]["admit"]()
        await (answer or self._app)(scope, receive, safely)

    def _refuse_cross_site(self, request: Request) -> Response | None:
        """Return the answer to a cross-site request, else None."""
        host = request.headers.get("host", "")
        # With a token this is not needed: a rebound name does not get the cookie.
        if self._token is None and not self._is_ours(host):
            return PlainTextResponse(f"this machine is not called {host!r}", 421)
        origin = request.headers.get("origin")
        if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
            return PlainTextResponse("this comes from another page", 403)
        # What browsers add (https://www.w3.org/TR/fetch-metadata/): another page may link to this one, and to
        # nothing else. Without an origin, as for its images and links, it could still have work done.
        if request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            linked = request.headers.get("sec-fetch-mode") == "navigate"
            if not linked or request.method != "GET" or request.url.path.startswith("/api/"):
                return PlainTextResponse("this comes from another page", 403)
        return None

    def _most(self, request: Request) -> int:
        """Return the most bytes of a request's body."""
        return self._bodies.get(request.scope["path"], 0) if request.method == "POST" else 0

    def _refuse_body(self, request: Request) -> Response | None:
        """Return the answer to a request with a body of no declared length, or too long, else None."""
        if "transfer-encoding" in request.headers:
            return PlainTextResponse("a body needs its length: Content-Length", 411)
        if 0 < (most := self._most(request)) < length_of(request):
            return PlainTextResponse(f"the body is too long: at most {most:,} bytes", 413)
        return None

    async def _ask_token(self, request: Request) -> ASGIApp | None:
        """Return the answer to a request without the right token, or with its first use, else None."""
        if self._token is None:
            return None
        client = client_of(request.client.host if request.client else "unknown")
        if (entered := await _entered_token(request)) is None and self._has_cookie(request):
            self._guesses.trust(client)
            return None
        offered = _in_header(request) if entered is None else entered
        too_many = self._guesses.are_too_many(client)
        is_checked = not too_many or self._guesses.is_trusted(client)
        if is_checked and hmac.compare_digest(offered.encode(), self._token.encode()):
            self._guesses.trust(client)
            return None if entered is None else self._with_cookie()
        if offered:
            self._guesses.count(client)
        if offered or COOKIE in request.cookies:
            self._report_wrong(request)
        if offered and too_many:
            return PlainTextResponse("too many wrong tokens: wait a minute", 429, {"retry-after": "60"})
        return _form(request)

    def _has_cookie(self, request: Request) -> bool:
        # It is derived from the token and can't be guessed, so it is always checked.
        shown = "" if _in_header(request) else request.cookies.get(COOKIE, "")
        return hmac.compare_digest(shown.encode(), self._cookie.encode())

    def _with_cookie(self) -> Response:
        answer = RedirectResponse("/", 303)
        answer.set_cookie(COOKIE, self._cookie, httponly=True, samesite="strict", max_age=365 * 86400)
        return answer

    def _is_ours(self, host: str) -> bool:
        """Whether a host name belongs to this machine, against DNS rebinding.

        An address can't be rebound, so every address passes; Starlette's TrustedHostMiddleware can't express
        that, because it has only a list of names.
        """
        name = host.lower().rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host.lower()
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return name in self._names
        return True

    def _report_wrong(self, request: Request) -> None:
        """Report a wrong token on stderr, at intervals."""
        self._wrong += 1
        if time.monotonic() - self._said >= SAY_S:
            who = request.client.host if request.client else "unknown"
            say(f"wrong token from {who}" + (f", {self._wrong} in all" if self._wrong > 1 else ""))
            self._said = time.monotonic()


async def _entered_token(request: Request) -> str | None:
    """Return the token from the page's address or the form."""
    path = request.scope["path"]
    if path == "/" and "token" in request.query_params:
        return request.query_params["token"]
    if path == "/token" and request.method == "POST":
        body = (await read_body(request)).decode("utf-8", "replace")
        return parse_qs(body).get("token", [""])[0].strip()
    return None


def _form(request: Request) -> ASGIApp:
    """Return the answer to a request without a token: the form in a browser, with the page's style."""
    if request.scope["path"] == "/style.css" and request.method in ("GET", "HEAD"):
        return static_files()
    if "text/html" in request.headers.get("accept", ""):
        return HTMLResponse(files(__package__).joinpath("static", "token.html").read_bytes(), 401)
    return PlainTextResponse("a token is needed: Authorization: Bearer TOKEN", 401)


def _in_header(request: Request) -> str:
    """Return the token from the header, or ""."""
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    return value.strip() if kind.lower() == "bearer" else ""


def _possible_tokens(head: bytes) -> Iterator[bytes]:
    """Yield possible tokens in the beginning of a request, without parsing it."""
    lowered = head.lower()
    for mark in _MARKS:
        at = 0
        for _ in range(_MOST_MARKS):
            if (found := lowered.find(mark, at)) < 0:
                break
            at = found + len(mark)
            if value := _VALUE.match(head, at):
                yield value[1]
