"""Tables of cameras, engines and sinks by name: those that ship, were registered, or are installed.

A row says where its code is, as the text `module:name`, which is imported when the row is chosen. Other
distributions add rows by entry points (https://packaging.python.org/en/latest/specifications/entry-points/).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from edgecnn.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Factory = str | Callable[..., Any]

Row = TypeVar("Row")


class PluginTable(dict[str, Row]):
    """Rows by their names: those that ship, then those that were added.

    Entry points are read once, and only when they are needed: that costs more than all other rows.

    Parameters
    ----------
    kind
        What a row is, for messages: `camera`.
    rows
        Those that ship. No other row can have their names.
    make
        Returns the row of an entry point, given its name and its `module:name`.
    """

    def __init__(self, kind: str, rows: Mapping[str, Row], make: Callable[[str, str], Row]) -> None:
        super().__init__(rows)
        self.kind = kind
        self.group = f"edgecnn.{kind}s"
        # The names that were added in this process, which no child process knows.
        self.registered: set[str] = set()
        self._shipped = frozenset(rows)
        self._make = make
        # Whether the entry points were read.
        self.complete = False

    def add(self, name: str, row: Row) -> None:
        """Add a row, or replace one that was added.

        Raises OptionError for a name that ships, or one that can't stand before a colon.
        """
        if name in self._shipped:
            raise OptionError(f"the {self.kind} {name!r} ships with edgecnn: register yours by another name")
        if not name or any(c in ":," or c.isspace() for c in name):
            raise OptionError(
                f"{name!r} can't be the name of a {self.kind}: expected no colon, comma or white space"
            )
        self.pop(name, None)
        self[name] = row
        self.registered.add(name)

    def remove(self, name: str) -> None:
        """Remove a row that was registered; nothing happens without one."""
        if name in self.registered:
            self.registered.remove(name)
            del self[name]

    def find(self, name: str) -> Row | None:
        """Return a row by its name, or None; entry points are read for a name that is in no row yet."""
        if name not in self:
            self.add_installed()
        return self.get(name)

    def add_installed(self) -> None:
        """Add rows of installed distributions for names that are free; their code is not imported yet."""
        if self.complete:
            return
        from importlib.metadata import entry_points

        self.complete = True
        for point in entry_points(group=self.group):
            self.setdefault(point.name, self._make(point.name, point.value))


def load_factory(factory: Factory) -> Callable[..., Any]:
    """Return what a row names as `module:name`, or is.

    Raises ImportError, also where the name is missing, or the module fails in any other way.
    """
    if not isinstance(factory, str):
        return factory
    module, _, name = factory.partition(":")
    try:
        found: Any = import_module(module)
    except ImportError:
        raise
    except Exception as error:
        raise ImportError(f"{type(error).__name__}: {error}", name=module) from error
    try:
        for part in name.strip().split("."):
            found = getattr(found, part)
    except AttributeError as error:
        raise ImportError(str(error), name=module) from error
    made: Callable[..., Any] = found
    return made
