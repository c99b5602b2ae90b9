"""Writes JSON that every reader accepts and that is safe to print in a terminal."""

from __future__ import annotations

import json
import math
import re
from typing import Any

# JSON escapes C0. DEL and C1 are allowed in it, but a terminal obeys C1, and text whose direction is reversed
# deceives; a lone surrogate can't be encoded.
_UNSAFE = "[\x7f-\x9f\u2028-\u202e\u2066-\u206f\ufff9-\ufffb\ud800-\udfff]"


def to_json(value: Any, indent: int | None = None) -> str:
    """Return a value as JSON: names as they are, control characters escaped, and null for NaN and infinity.

    JSON has no NaN; most other readers refuse what Python writes for it by default.
    """
    try:
        text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(value), indent=indent, ensure_ascii=False, allow_nan=False)
    return re.sub(_UNSAFE, lambda m: f"\\u{ord(m[0]):04x}", text)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return value
