"""JSON in bodies: a request's is read strictly, an answer's is read by any program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from edgecnn.io.checked_json import Field, parse_json
from edgecnn.io.json_text import to_json
from edgecnn.live.sink.web.admission import read_body

if TYPE_CHECKING:
    from starlette.requests import Request

# The most bytes of a JSON body that holds lists: for the limits of paths, see `Guard`.
MOST_JSON = 64 << 10


async def read_fields(request: Request, *keys: str) -> Field:
    """Return the JSON object in a request's body, which has none but these keys.

    Their presence and types are checked where they are read: `fields("label").text(200)` for a required key,
    `fields.find("hold")` for an optional one.

    Raises JsonError, which the site answers with 422, for a body that is no JSON object or has another key.
    """
    return Field("", parse_json(bytes(await read_body(request)))).closed(*keys)


def json_response(value: Any, status: int = 200) -> Response:
    """Return a value as the answer; see `to_json`."""
    return Response(to_json(value), status, media_type="application/json")
