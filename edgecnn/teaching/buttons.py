"""Push buttons on the pins of a Raspberry Pi: each records into its class while it is held."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from edgecnn.errors import EdgeCnnError, MissingExtra, OptionError
from edgecnn.io.quiet import say
from edgecnn.teaching.names import check_label

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from edgecnn.teaching.teacher import Teacher

_MOST_PIN = 27
# A button that is held longer, or stuck, stops recording.
_MOST_S = 60.0
_BOUNCE_S = 0.05


def parse_button(text: str) -> tuple[int, str]:
    """Return the pin and the class of `PIN=CLASS`. Raises OptionError or DataError."""
    pin, sign, label = text.partition("=")
    if not (sign and pin.strip().isdecimal() and int(pin) <= _MOST_PIN):
        raise OptionError(
            f"--button is {text[:40]!r}, expected PIN=CLASS with a GPIO number from 0 to {_MOST_PIN}: "
            "--button 17=cup"
        )
    return int(pin), check_label(label)


@contextmanager
def held_buttons(teacher: Teacher, buttons: Iterable[tuple[int, str]]) -> Iterator[None]:
    """Have buttons between a pin and ground record while they are held, until the end of the block.

    Raises
    ------
    MissingExtra
        Without gpiozero.
    OptionError
        Where a pin can't be used.
    """
    with ExitStack() as stack:
        for pin, label in buttons:
            _record_while_held(stack.enter_context(_open(pin)), teacher, label)
        yield


def _open(pin: int) -> Any:
    try:
        import gpiozero
    except ImportError as error:
        raise MissingExtra(
            "--button needs gpiozero: pip install gpiozero lgpio; or on Raspberry Pi OS apt install "
            "python3-gpiozero, and an environment with --system-site-packages"
        ) from error
    try:
        return gpiozero.Button(pin, bounce_time=_BOUNCE_S)
    # What its pin factories raise is not one family.
    except Exception as error:
        raise OptionError(
            f"the button on GPIO {pin} can't be used: {error or type(error).__name__}"
        ) from error


def _record_while_held(button: Any, teacher: Teacher, label: str) -> None:
    tokens: list[str] = []

    def press() -> None:
        try:
            tokens.append(teacher.record(label, _MOST_S))
        except EdgeCnnError as error:
            say(str(error))

    def release() -> None:
        while tokens:
            teacher.stop(tokens.pop())

    button.when_pressed, button.when_released = press, release
