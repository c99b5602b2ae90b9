"""The description of the HTTP API that is served: the site's own file, and what further pages add."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def describe(further: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document.

    Parameters
    ----------
    further
        More `paths` and `schemas`; see `Pages`.
    """
    document: dict[str, Any] = json.loads(files(__package__).joinpath("openapi.json").read_bytes())
    document["paths"] |= (further or {}).get("paths", {})
    document["components"]["schemas"] |= (further or {}).get("schemas", {})
    return document
