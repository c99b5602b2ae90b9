"""Reads specifications such as `fake:delay_ms=5,jitter_ms=1` and `synthetic:seed=7`."""

from __future__ import annotations

from edgecnn.errors import OptionError


def parse_spec(text: str, defaults: dict[str, float]) -> dict[str, float]:
    """Return the numbers behind the colon, with `defaults` for those that are not given.

    Raises
    ------
    OptionError
        For a key that `defaults` does not have, or a value that is no number of zero or more.
    """
    name, _, rest = text.partition(":")
    values = dict(defaults)
    for part in filter(None, rest.split(",")):
        key, _, value = part.partition("=")
        if key not in defaults:
            raise OptionError(f"{name} has no option {key!r}; it has {', '.join(defaults)}")
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if not 0 <= number < float("inf"):
            raise OptionError(f"{name}: {key} must be a number of zero or more, got {value!r}")
        values[key] = number
    return values
