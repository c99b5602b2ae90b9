"""Reads the JSON body of a request strictly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.io.checked_json import Field, parse_json
from edgecnn.live.sink.web.admission import read_body

if TYPE_CHECKING:
    from starlette.requests import Request

# The most bytes of a JSON body: the limit of its path, see `Guard`.
MOST_JSON = 64 << 10


async def read_fields(request: Request, *keys: str) -> Field:
    """Return the JSON object in a request's body, which has none but these keys.

    Their presence and types are checked where they are read: `fields("label").text(200)` for a required key,
    `fields.find("hold")` for an optional one.

    Raises JsonError, which the site answers with 422, for a body that is no JSON object or has another key.
    """
    return Field("", parse_json(bytes(await read_body(request)))).closed(*keys)
