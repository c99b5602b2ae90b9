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
    """Opens a bundle's variants when they are first used, and keeps them: switching back is quick.

    A context manager, which closes those that it opened; the first one stays open.

    Parameters
    ----------
    first
        The variant that runs first.
    load
        Opens a variant by its name, with the engine and options of the first; None for no other variants.
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
        """The variants, as the bundle lists them; a bare file is its only one.

        One that was compiled for the Edge TPU needs an engine that runs nothing else, so it is the only one.
        """
        current, bundle = self.current.model.variant, self.current.model.bundle
        there = bundle.portable if bundle and self._load else ()
        return there if current in there else (current,)

    def switch(self, name: str | None = None) -> Classifier:
        """Make a variant the current one, the next of `names` for None, and return it.

        Raises
        ------
        OptionError
            For an unknown variant, or where there is no other one.
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
        """Continue with a model that was reloaded, and close all variants that were open.

        Parameters
        ----------
        opened
            Closes it, when this object is closed or the model is replaced again.
        """
        old, before = self._open, self._stack
        self.current, self._open, self._stack = fresh, {fresh.model.variant: fresh}, opened
        for classifier in old.values():
            classifier.close()
        before.close()

    def close(self) -> None:
        """Close all but the first; may be called twice."""
        self._stack.close()
