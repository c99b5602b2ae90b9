"""Commands to the live loop, which it obeys between two frames, and the protocol of their sources."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from edgecnn.io.closing import Closing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future
    from contextlib import ExitStack

    from edgecnn.classify.classifier import Classifier
    from edgecnn.frame import Frame, Result
    from edgecnn.live.settings import Settings
    from edgecnn.live.stats import Stats


@dataclass(frozen=True, slots=True)
class Command:
    """One of the commands below."""


@dataclass(frozen=True, slots=True)
class Quit(Command):
    """End the loop."""


@dataclass(frozen=True, slots=True)
class Pause(Command):
    """Classify nothing until the end of the pause; a camera keeps running, a file waits.

    Attributes
    ----------
    on
        Whether to pause; None to change between the two.
    """

    on: bool | None = None


@dataclass(frozen=True, slots=True)
class Save(Command):
    """Write the newest frame to a file."""


@dataclass(frozen=True, slots=True)
class Switch(Command):
    """Continue with another variant of the model.

    Attributes
    ----------
    variant
        Its name; None for the next one of the bundle.
    reply
        Gets the name of the variant that runs from then on, or the reason why it can't.
    """

    variant: str | None = None
    reply: Future[str] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Tune(Command):
    """Change settings from the next frame on; None leaves one as it is.

    Where one is out of range, none changes. After a change, smoothing begins with the next frame.

    Attributes
    ----------
    reply
        Gets the settings in force, or the reason why nothing changed.
    threshold, smooth, hold
        See `Settings`.
    """

    reply: Future[Settings] = field(compare=False)
    threshold: float | None = None
    smooth: float | None = None
    hold: int | None = None


@dataclass(frozen=True, slots=True)
class Classify(Command):
    """Classify an image that is not the camera's.

    Attributes
    ----------
    reply
        Gets the result, or the reason why there is none.
    """

    frame: Frame
    reply: Future[Result] = field(compare=False)


@dataclass(frozen=True, slots=True)
class Replace(Command):
    """Continue with a model that was reloaded.

    Attributes
    ----------
    opened
        Closes it; the loop closes this.
    """

    classifier: Classifier
    opened: ExitStack = field(compare=False)


@dataclass(frozen=True, slots=True)
class Renew(Command):
    """Begin again with the same classifier, whose classes or rule of `unknown` were changed."""


class CommandSource(Closing, Protocol):
    """Gives commands to the loop, which calls it in its own thread, so it has to be quick.

    Sinks are command sources too: a window has keys, a web page has buttons.
    """

    def poll(self, stats: Stats) -> Sequence[Command]:  # noqa: ARG002 - for those that need them
        """Return the commands since the last call.

        Called after each result, and several times a second while there is none.
        """
        return ()
