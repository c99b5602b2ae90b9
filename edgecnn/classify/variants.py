"""The variants of one model, of which one runs at a time."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from edgecnn.errors import OptionError
from edgecnn.io.closing import Closing

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from edgecnn.classify.classifier import Classifier


class Variants(Closing):
    """Opens a bundle's variants when they are first asked for, and keeps them: switching back is quick.

    A context manager, which closes those that it opened; the first one stays its opener's.

    Parameters
    ----------
    first
        What runs at first.
    load
        Opens a variant by its name, with the engine and options of the first; without it there is no other.
    """

    def __init__(
        self, first: Classifier, load: Callable[[str], AbstractContextManager[Classifier]] | None = None
    ) -> None:
        self.current = first
        self._load = load
        self._open = {first.model.variant: first}
        self._stack = ExitStack()

    @property
    def names(self) -> tuple[str, ...]:
        """The variants that there are, as the bundle lists them; a bare file is its only one.

        What was compiled for the Edge TPU needs an engine that runs nothing else: it stands alone.
        """
        current, bundle = self.current.model.variant, self.current.model.bundle
        there = bundle.portable if bundle and self._load else ()
        return there if current in there else (current,)

    def switch(self, name: str | None = None) -> Classifier:
        """Make a variant the current one, the next of `names` for None, and return it.

        Raises
        ------
        OptionError
            Where there is no such variant, or no other one.
        ModelError, EngineError
            Where it can't be opened; the current one stays.
        """
        names = self.names
        if name is None:
            name = names[(names.index(self.current.model.variant) + 1) % len(names)]
            if name == self.current.model.variant:
                raise OptionError(f"{self.current.model.name} has no other variant than {name}")
        if name not in names:
            raise OptionError(f"there is no variant {name!r}: choose {', '.join(names)}")
        if name not in self._open and self._load:
            self._open[name] = self._stack.enter_context(self._load(name))
        self.current = self._open[name]
        return self.current

    def replace(self, fresh: Classifier, opened: ExitStack) -> None:
        """Go on with a model that was opened anew, and close all that was open.

        Parameters
        ----------
        opened
            Closes it, when this is closed or replaced in its turn.
        """
        old, before = self._open, self._stack
        self.current, self._open, self._stack = fresh, {fresh.model.variant: fresh}, opened
        for classifier in old.values():
            classifier.close()
        before.close()

    def close(self) -> None:
        """Close all but the first; may be called twice."""
        self._stack.close()
