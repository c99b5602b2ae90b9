"""The form of Unicode in which names are compared."""

from __future__ import annotations

import unicodedata


def plain_name(name: str) -> str:
    """Return a name in Unicode's NFC: macOS names files in another form, which looks the same."""
    return unicodedata.normalize("NFC", name)
