"""The form of Unicode in which names are compared, and whether a name has one."""

from __future__ import annotations

import unicodedata


def plain_name(name: str) -> str:
    """Return a name in Unicode's NFC: macOS names files in another form, which looks the same."""
    return unicodedata.normalize("NFC", name)


def is_utf8(path: str) -> bool:
    """Whether a path's bytes are UTF-8. OpenCV crashes at others, such as old names in Latin-1."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
