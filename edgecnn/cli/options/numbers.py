"""Reads numbers from the texts of options."""

from __future__ import annotations


def parse_whole(text: str, most: int) -> int | None:
    """Read a non-negative number in decimal digits; None for anything else, and for a larger one."""
    digits = text.strip()
    # Python refuses to read thousands of digits.
    if not digits.isdecimal() or len(digits) > len(str(most)):
        return None
    return number if (number := int(digits)) <= most else None


def shorten(text: str, most: int = 60) -> str:
    """Return a text in quotes as an error shows it, at most `most` characters of it."""
    return repr(text if len(text) <= most else text[:most] + "…")
