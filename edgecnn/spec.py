"""Reads specifications such as `fake:delay_ms=5,jitter_ms=1` and `synthetic:seed=7`."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, TypeVar

from edgecnn.errors import OptionError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Options = TypeVar("Options", bound=DataclassInstance)

# Limits that keep times and sizes computable.
_LEAST, _MOST = 1e-6, 1e9


def parse_spec(text: str, defaults: Options) -> Options:
    """Return the options after the colon, with the values of `defaults` for those not given.

    Parameters
    ----------
    defaults
        A dataclass with a field for each option. Options whose default is a text are texts, others are
        numbers.

    Raises
    ------
    OptionError
        For an option that `defaults` lacks, an empty text, or a value that is not a number, negative or out
        of range.
    """
    name, _, rest = text.partition(":")
    known = asdict(defaults)
    given: dict[str, str | float] = {}
    for part in filter(None, rest.split(",")):
        key, _, value = part.partition("=")
        if key not in known:
            raise OptionError(f"{name} has no option {key[:60]!r}; it has {', '.join(known)}")
        given[key] = _text(name, key, value) if isinstance(known[key], str) else _number(name, key, value)
    return replace(defaults, **given)


def _text(name: str, key: str, value: str) -> str:
    if not value:
        raise OptionError(f"{name}: {key} must be a text, got ''")
    return value


def _number(name: str, key: str, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not (number == 0 or _LEAST <= number <= _MOST):
        raise OptionError(f"{name}: {key} must be 0, or from {_LEAST:g} to {_MOST:g}, got {value[:60]!r}")
    return number
