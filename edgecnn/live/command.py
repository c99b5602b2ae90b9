"""What people ask of the live loop, through the sinks: the loop obeys between two frames."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import Future
    from contextlib import ExitStack

    from edgecnn.classify.classifier import Classifier
    from edgecnn.frame import Frame, Result


@dataclass(frozen=True, slots=True)
class Command:
    """One of the commands below."""


@dataclass(frozen=True, slots=True)
class Quit(Command):
    """End the loop."""


@dataclass(frozen=True, slots=True)
class Pause(Command):
    """Classify nothing until told to go on; the camera goes on, a file waits.

    Attributes
    ----------
    on
        Whether to pause; None for the other of what is now.
    """

    on: bool | None = None


@dataclass(frozen=True, slots=True)
class Save(Command):
    """Write the newest picture to a file."""


@dataclass(frozen=True, slots=True)
class Switch(Command):
    """Go on with another variant of the model.

    Attributes
    ----------
    variant
        Its name; None for the next one of the bundle.
    reply
        Gets the name of the variant that runs then, or the reason why it can't.
    """

    variant: str | None = None
    reply: Future[str] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Classify(Command):
    """Classify a picture that is not the camera's.

    Attributes
    ----------
    reply
        Gets the result, or the reason why there is none.
    """

    frame: Frame
    reply: Future[Result] = field(compare=False)


@dataclass(frozen=True, slots=True)
class Replace(Command):
    """Go on with a model that was opened anew.

    Attributes
    ----------
    opened
        Closes it; whoever takes the command closes this.
    """

    classifier: Classifier
    opened: ExitStack = field(compare=False)
