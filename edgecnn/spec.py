"""Reads specifications such as `fake:delay_ms=5,jitter_ms=1` and `synthetic:seed=7`."""

from __future__ import annotations

from edgecnn.errors import OptionError

# Limits that keep times and sizes computable.
_LEAST, _MOST = 1e-6, 1e9


def parse_spec(text: str, defaults: dict[str, float]) -> dict[str, float]:
    """Return the numbers after the colon, with `defaults` for those not given.

    Raises
    ------
    OptionError
        For a key that `defaults` lacks, or a value that is not a number, negative or out of range.
    """
    name, _, rest = text.partition(":")
    values = dict(defaults)
    for part in filter(None, rest.split(",")):
        key, _, value = part.partition("=")
        if key not in defaults:
            raise OptionError(f"{name} has no option {key[:60]!r}; it has {', '.join(defaults)}")
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if not (number == 0 or _LEAST <= number <= _MOST):
            raise OptionError(f"{name}: {key} must be 0, or from {_LEAST:g} to {_MOST:g}, got {value[:60]!r}")
        values[key] = number
    return values
