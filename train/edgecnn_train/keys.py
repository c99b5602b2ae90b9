"""The kinds of values that a recipe's keys take, and what an error says of a wrong one. Uses pydantic."""

from __future__ import annotations

import dataclasses
import difflib
import re
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, dataclass_transform

import pydantic.dataclasses
from pydantic import (
    AfterValidator,
    BeforeValidator,
    PlainValidator,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    TypeAdapter,
    ValidationError,
    create_model,
)
from pydantic_core import PydanticCustomError

from edgecnn.errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

Kind = TypeVar("Kind")

# The longest list, the largest whole number, and the longest value in an error, in characters.
_MOST_VALUES, _MOST_NUMBER, _MOST_SHOWN = 100, 2**32, 100
_WORDS = {
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "a text",
}


def wrong(value: object, expected: str, key: str = "") -> PydanticCustomError:
    """Return the error of a value, for validators to raise; those of a whole section name the `key`."""
    return PydanticCustomError("wrong", "{expected}", {"expected": expected, "key": key, "value": value})


def expect(holds: Callable[[Any], bool], expected: str) -> AfterValidator:
    """Refuse values that do not hold; `expected` completes the message."""

    def check(value: Any) -> Any:
        if not holds(value):
            raise wrong(value, expected)
        return value

    return AfterValidator(check)


def _not_huge(value: Any) -> Any:
    if type(value) is int and abs(value) > _MOST_NUMBER:
        raise wrong(value, f"a number of at most {_MOST_NUMBER:,}")
    return value


def listed(example: str, kind: type, what: str) -> BeforeValidator:
    """Take a list or a tuple of one kind of values, as a tuple."""

    def check(value: Any) -> Any:
        if not isinstance(value, list | tuple) or not all(type(v) is kind for v in value):
            raise wrong(value, f"a list of {what} such as {example}")
        if len(value) > _MOST_VALUES:
            raise PydanticCustomError("length", "length", {"length": len(value)})
        return tuple(value)

    return BeforeValidator(check)


Whole = Annotated[StrictInt, BeforeValidator(_not_huge)]
Number = Annotated[StrictFloat, BeforeValidator(_not_huge)]
Switch = StrictBool
Text = Annotated[StrictStr, expect(str.isprintable, "a text that can be printed")]
Wholes = Annotated[tuple[Whole, ...], listed("[32, 64]", int, "whole numbers")]
Texts = Annotated[tuple[Text, ...], listed("['a', 'b']", str, "names")]


def choice(registry: Collection[str]) -> BeforeValidator:
    """Refuse names that a registry does not have when a value is checked."""

    def check(value: Any) -> Any:
        if not isinstance(value, str) or value not in registry:
            raise PydanticCustomError("choice", "choice", {"names": tuple(registry)})
        return value

    return BeforeValidator(check)


def read_by(function: Callable[[object], Any]) -> PlainValidator:
    """Let a function check and make a value of its own class."""
    return PlainValidator(function)


def check_amounts(table: object, limits: Mapping[str, float]) -> dict[str, Any]:
    """Return a table with an amount from 0 to its limit for each key; a limit of True is a switch."""

    def field(most: float) -> tuple[Any, object]:
        if most is True:
            return Switch, False
        return Annotated[Number, expect(lambda v: 0 <= v <= most, f"0 to {most:g}")], 0.0

    fields: dict[str, Any] = {key: field(most) for key, most in limits.items()}
    return dict(create_model("table", __config__={"extra": "forbid"}, **fields).model_validate(table))


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def section(name: str) -> Callable[[type[Kind]], type[Kind]]:
    """Return a decorator that makes a frozen dataclass, whose fields are checked when it is made.

    A wrong value raises RecipeError with the key, of which `name` is the section.
    """

    def decorate(cls: type[Kind]) -> type[Kind]:
        made: type[Kind]
        made = pydantic.dataclasses.dataclass(frozen=True, slots=True, config={"extra": "forbid"})(cls)  # type: ignore[assignment]
        checked = made.__init__

        def init(self: Kind, *values: Any, **named: Any) -> None:
            try:
                checked(self, *values, **named)
            except ValidationError as error:
                raise RecipeError(message(error, section=name)) from error

        made.__init__ = init  # type: ignore[method-assign,assignment]
        return made

    return decorate


def read(kind: type[Kind], tables: dict[str, Any], known: Sequence[str]) -> Kind:
    """Make a recipe from its tables. Raises RecipeError; `known` are all keys, as for `message`."""
    try:
        return TypeAdapter(kind).validate_python(tables)
    except ValidationError as error:
        raise RecipeError(message(error, known)) from error


def message(error: ValidationError, known: Sequence[str] = (), section: str = "") -> str:
    """Return what an error says: the first wrong key, the value, what was expected.

    Parameters
    ----------
    known
        Every key of a recipe, for the nearest one to a key that does not exist.
    section
        The section that was checked; empty for a whole recipe.
    """
    first = error.errors(include_url=False)[0]
    kind, value, context = first["type"], first["input"], first.get("ctx", {})
    key = ".".join([*filter(None, [section]), *(str(part) for part in first["loc"] if isinstance(part, str))])
    if kind == "wrong":
        value = context["value"]
        key = ".".join(filter(None, [key, context["key"]]))
    if kind in ("unexpected_keyword_argument", "extra_forbidden"):
        return no_such_key(key, known)
    if kind in ("dataclass_type", "model_type"):
        return f"[{key}] must be a table of keys, got {short(value)}"
    if kind == "length":
        return f"{key} has {context['length']:,} values, expected at most {_MOST_VALUES}"
    if kind == "choice":
        expected = _one_of(context["names"], value)
    elif kind == "literal_error":
        expected = _one_of(re.findall(r"'(\w+)'", context["expected"]), value)
    else:
        expected = _WORDS.get(kind) or context.get("expected") or first["msg"]
    return f"{key} is {short(value)}, expected {expected}"


def no_such_key(key: str, known: Sequence[str]) -> str:
    """Return the message about a key that does not exist, with the nearest one that does."""
    key = key[:_MOST_SHOWN]
    near = difflib.get_close_matches(key, known, 1, 0.5)
    if not near:
        last = difflib.get_close_matches(
            key.rpartition(".")[2], [k.rpartition(".")[2] for k in known], 1, 0.4
        )
        near = [k for k in known if last and k.rpartition(".")[2] == last[0]]
    hint = f": did you mean {near[0]!r}?" if near else f": the keys are {', '.join(known)}" if known else ""
    return f"a recipe has no key {key!r}{hint}"


def _one_of(names: Sequence[str], value: object) -> str:
    near = difflib.get_close_matches(cut(value) if isinstance(value, str) else "", names, 1, 0.5)
    did = f"; did you mean {near[0]!r}?" if near else ""
    return f"one of {', '.join(names)}{did}"


def short(value: object) -> str:
    """Return a value of a file as an error shows it."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits, deeply nested lists
        text = f"too long to show ({type(value).__name__})"
    return cut(text)


def cut(text: str) -> str:
    """Return a text, cut to the length that an error shows."""
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"
