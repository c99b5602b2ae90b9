"""What the doctor says of one thing, and what it looks at."""

from __future__ import annotations

import os
import shutil
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from typing import Any

from edgecnn.machine.system_files import read_system_file


class Status(StrEnum):
    """How bad it is: a failure keeps the main job from running, a warning spoils a part of it."""

    ok = "ok"
    warning = "warning"
    failure = "failure"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, how it is, what was found, and the command or deed that mends it."""

    name: str
    status: Status
    found: str
    mend: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


def ok(name: str, found: str) -> Finding:
    """Return a finding that needs nothing."""
    return Finding(name, Status.ok, found)


def warning(name: str, found: str, mend: str) -> Finding:
    """Return one that spoils a part."""
    return Finding(name, Status.warning, found, mend)


def failure(name: str, found: str, mend: str) -> Finding:
    """Return one that keeps the main job from running."""
    return Finding(name, Status.failure, found, mend)


def installed() -> dict[str, str]:
    """Return the installed Python packages by their normalized names, with their versions."""
    found: dict[str, str] = {}
    for distribution in metadata.distributions():
        name = distribution.metadata["Name"]
        if name:
            found.setdefault(name.lower().replace("_", "-"), distribution.version)
    return found


@dataclass(frozen=True, slots=True)
class System:
    """The machine as the doctor sees it: its files under `root`, its programs, its Python packages.

    Another root, path or set of packages stands for another machine.
    """

    root: Path = Path("/")
    programs: str | None = None
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    packages: dict[str, str] = field(default_factory=installed)

    def read(self, path: str) -> str | None:
        """Return a file's text without surrounding blanks, or None."""
        return read_system_file(self.root / path)

    def glob(self, pattern: str) -> list[Path]:
        """Return the paths under the root that fit, sorted."""
        return sorted(self.root.glob(pattern))

    def which(self, program: str) -> str | None:
        """Return a program's path, or None."""
        return shutil.which(program, path=self.programs)
