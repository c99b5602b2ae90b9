"""Further pages of the live site, such as those of teaching: the protocol that they follow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.routing import Route

    from edgecnn.live.sink.web.site import Site


class Pages(Protocol):
    """Routes, limits and events that `WebSink` serves in addition to its own: its fact `pages`.

    The site checks origin, host name, token and length of each request before a handler sees it. A handler
    raises starlette's `HTTPException`; `EdgeCnnError` and `JsonError` are answered with 422 and their line.

    Attributes
    ----------
    bodies
        The most bytes in the body of a POST, by path: of each one whose handler reads a body.
    event
        The name of the events in the event stream, such as `teach`.
    openapi
        What `openapi.json` gains: the objects `paths` and `schemas` of an OpenAPI document.
    """

    bodies: Mapping[str, int]
    event: str
    openapi: Mapping[str, Mapping[str, Any]]

    def routes(self, site: Site) -> Sequence[Route]:
        """Return the routes; called once, before anything is served.

        Coroutines run in the server's thread and have to be quick; Starlette runs plain functions in a thread
        of its pool, several at the same time. `read_fields` reads a JSON body, `site.uploads` and
        `site.decode` an image; `site.reply` sends the loop a command.
        """
        ...

    def told(self) -> str | None:
        """Return the newest state as one line of JSON, None before there is one.

        Called in the loop's thread, at most ten times a second, and only while a viewer follows the events.
        Viewers get it when they connect and when it has changed.
        """
        ...
