"""What `edgecnn doctor` reports of one thing, and the machine that it examines."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from typing import Any

from edgecnn.machine.system_files import read_system_file


class Status(StrEnum):
    """A failure stops the main job (classifying live), a warning breaks a part of it."""

    ok = "ok"
    warning = "warning"
    failure = "failure"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One line of the report: what was examined, its status, what was found, and how to fix it."""

    name: str
    status: Status
    found: str
    fix: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON, where the fix has the key `mend`."""
        return {"name": self.name, "status": self.status, "found": self.found, "mend": self.fix}


def ok(name: str, found: str) -> Diagnosis:
    """Return a diagnosis that needs no fix."""
    return Diagnosis(name, Status.ok, found)


def warning(name: str, found: str, fix: str) -> Diagnosis:
    """Return one that breaks a part."""
    return Diagnosis(name, Status.warning, found, fix)


def failure(name: str, found: str, fix: str) -> Diagnosis:
    """Return one that stops the main job."""
    return Diagnosis(name, Status.failure, found, fix)


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
    """The machine to examine: its files under `root`, its programs, its Python packages.

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
        """Return the paths under the root that match, sorted."""
        return sorted(self.root.glob(pattern))

    def which(self, program: str) -> str | None:
        """Return a program's path, or None."""
        return shutil.which(program, path=self.programs)
