"""Lets a command take a whole class of options as one argument."""

from __future__ import annotations

import inspect
from copy import copy
from dataclasses import MISSING, fields, is_dataclass
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Callable


def takes(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command with one option for each field of the options classes that it takes.

    An options class is a dataclass whose fields are annotated as Typer's parameters are. Its `heading` names
    the section of the help that lists them. Other parameters stay as they are.
    """
    classes: dict[str, Any] = {}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        if is_dataclass(parameter.annotation):
            classes[parameter.name] = parameter.annotation
            parameters += _parameters(parameter.annotation)
        else:
            parameters.append(parameter.replace(kind=parameter.KEYWORD_ONLY))

    def call(**values: Any) -> None:
        for name, options in classes.items():
            values[name] = options(**{field.name: values.pop(field.name) for field in fields(options)})
        command(**values)

    call.__name__, call.__doc__ = command.__name__, command.__doc__
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return call


def _parameters(options: Any) -> list[inspect.Parameter]:
    """Return a parameter for each field, under the class's heading."""
    hints = get_type_hints(options, include_extras=True)
    found = []
    for field in fields(options):
        hint: Any = hints[field.name]
        info = copy(hint.__metadata__[0])
        info.rich_help_panel = options.heading
        parameter = inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
            annotation=Annotated[hint.__origin__, info],
        )
        found.append(parameter)
    return found
