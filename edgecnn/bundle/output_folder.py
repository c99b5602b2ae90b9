"""Writes a bundle's folder: locks it, fills a hidden folder next to it, and puts that in place in one step.

The hidden folder, `.NAME.edgecnn-` and 16 digits, contains a file that marks it and one of: `part`, which is
being filled; `bundle`, which is complete (after the exchange: the previous bundle); `old`, the previous
bundle, if the system needs three steps for the exchange. The next writer of the same target finishes or
removes these after a kill.
"""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.bundle.owned_files import find_unowned, remove_bundle, remove_unfinished, seal
from edgecnn.errors import EdgeCnnError, OutputError
from edgecnn.io.lock import lock
from edgecnn.io.moving import (
    MARK,
    exchange,
    flush_folder,
    hidden_name,
    is_hidden_name,
    move_new,
    move_to_free,
)
from edgecnn.io.printable import echo, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgecnn.bundle.manifest import Manifest

# Leaves room for longer names next to it, such as NAME.report.html: a file's name has at most 255 bytes.
_LONGEST_NAME = 200


def find_target(path: str | os.PathLike[str], hint: str) -> Path:
    """Return the real path of a bundle's folder, which may not exist yet; its last part may be a link.

    Parameters
    ----------
    hint
        The end of messages: what to type instead.

    Raises
    ------
    OutputError
        For a path that can't be a bundle's folder: a file, a dangling link, a name that is too long, and
        folders that contain everything else, such as `/`, the home or the current one.
    """
    try:
        if b"\0" in os.fsencode(path):
            raise ValueError
        named = Path(path).absolute()
        if named.name in ("", ".."):
            named = named.resolve()
        real = named.resolve(strict=True) if named.is_symlink() else named.parent.resolve() / named.name
        mode = real.lstat().st_mode if os.path.lexists(real) else stat.S_IFDIR
    except FileNotFoundError as error:
        raise OutputError(f"{_shown(path)} is a link to something that does not exist: {hint}") from error
    except RuntimeError as error:  # before Python 3.13
        raise OutputError(f"{_shown(path)} is a link that leads back to itself: {hint}") from error
    except ValueError as error:
        raise OutputError(f"{_shown(path)} can't be written: no file can have this name: {hint}") from error
    except OSError as error:
        raise OutputError(f"{_shown(path)} can't be written: {error.strerror}: {hint}") from error
    if reason := _unfit(real, mode):
        raise OutputError(f"{_shown(path)} {reason}: {hint}")
    return real


def _unfit(real: Path, mode: int) -> str | None:
    if not stat.S_ISDIR(mode):
        return "is a file"
    size = len(os.fsencode(real.name))
    if size > _LONGEST_NAME:
        return f"has a name of {size} bytes, and a bundle's may have {_LONGEST_NAME}"
    if real.parent == real:
        return "is the root of the file system"
    parent = next(p for p in real.parents if os.path.lexists(p))
    if not parent.is_dir():
        return f"lies in {parent}, which is no folder"
    for place, what in ((Path.home, "your home folder"), (Path.cwd, "the current folder")):
        with suppress(OSError, RuntimeError):
            here = place().resolve()
            if here.is_relative_to(real):
                return f"is {what}" if here == real else f"holds {what}"
    return "is a mount point, which can't be replaced" if _is_mount(real) else None


def _is_mount(real: Path) -> bool:
    if os.path.ismount(real):
        return True
    # Only the kernel knows about mounts from the same file system, as containers have.
    try:
        lines = Path("/proc/self/mountinfo").read_bytes().splitlines()
    except OSError:
        return False
    places = (line.split()[4].decode("unicode_escape", "replace") for line in lines if len(line.split()) > 4)
    return any(os.fsencode(real) == place.encode("latin-1", "replace") for place in places)


def _shown(path: str | os.PathLike[str]) -> str:
    text = printable(os.fspath(path))
    return text if len(text) <= 100 else f"{text[:40]}…{text[-40:]}"


class Target:
    """A bundle's folder that only this process writes; see `hold`."""

    def __init__(self, folder: Path, hint: str) -> None:
        self.folder = folder
        self._hint = hint

    def require_replaceable(self) -> None:
        """Raise OutputError if the folder contains anything that edgecnn did not write."""
        require_replaceable(self.folder, self._hint)

    @contextmanager
    def fill(self) -> Iterator[Draft]:
        """Yield a draft of the bundle, which is removed at the end unless it was published.

        Raises OutputError if it can't be written, for example on a full disk.
        """
        stage = self.folder.with_name(hidden_name(self.folder.name))
        try:
            stage.mkdir(0o700)
            (stage / MARK).touch()
            (stage / "part").mkdir()
            yield Draft(self.folder, stage)
        except (EdgeCnnError, BrokenPipeError):  # who reads what is printed has gone
            raise
        except OSError as error:
            reason = error.strerror or error
            raise OutputError(f"{self.folder} can't be written: {reason}: {self._hint}") from error
        finally:
            _clean(stage, self.folder)


class Draft:
    """A bundle that is being written: the files in `folder`, and its `manifest` once that is complete."""

    def __init__(self, target: Path, stage: Path) -> None:
        self._target, self._stage = target, stage
        self.folder = stage / "part"
        self._whole = stage / "bundle"
        # Written after all other files, since it has their hashes.
        self.manifest: Manifest | None = None

    def publish(self, *, replace: bool) -> str | None:
        """Put the bundle in its place, or replace the previous bundle in one step if `replace` allows it.

        Returns None, or what prevents it, as the end of a sentence that begins with the folder: the draft is
        then complete and can still be published next to it.
        """
        self._finish()
        try:
            return self._put(replace)
        except OSError as error:
            return f"can't be replaced: {error.strerror}"

    def _put(self, replace: bool) -> str | None:
        if not os.path.lexists(self._target):
            with suppress(FileExistsError):
                move_new(self._whole, self._target)
                flush_folder(self._target.parent)
                return None
        if not replace:
            return "already exists"
        if reason := _unreplaceable(self._target):
            return reason
        _copy_permissions(self._target, self._whole)
        exchange(self._whole, self._target, self._stage / "old")
        # A file that appeared until a moment ago is here now, where no other process writes.
        if reason := find_unowned(self._whole):
            exchange(self._whole, self._target, self._stage / "old")
            return reason
        flush_folder(self._target.parent)
        return None

    def publish_beside(self) -> Path:
        """Put the bundle under a free name next to its place, and return its path."""
        self._finish()
        free = move_to_free(self._whole, self._target)
        flush_folder(free.parent)
        return free

    def _finish(self) -> None:
        if self._whole.exists():
            return
        if self.manifest is None:
            raise ValueError("a draft needs a manifest before it is published")
        self.folder.chmod(0o755)
        seal(self.folder, self.manifest)
        self.folder.rename(self._whole)
        flush_folder(self._stage)
        flush_folder(self._stage.parent)


def require_replaceable(folder: Path, hint: str) -> None:
    """Raise OutputError if a folder contains anything that edgecnn did not write, or can't be written to."""
    try:
        reason = _unreplaceable(folder)
    except OSError as error:
        raise OutputError(f"{folder} can't be read: {error.strerror}: {hint}") from error
    if reason:
        raise OutputError(f"{folder} {reason}: {hint}")


@contextmanager
def hold(folder: Path, hint: str) -> Iterator[Target]:
    """Lock a folder from `find_target`, and finish or remove what a killed writer left next to it.

    Raises OutputError if another process writes it.
    """
    with lock(folder, hint) as locked:
        if locked:
            with suppress(OSError):
                for path in list(folder.parent.iterdir()):
                    if is_hidden_name(path.name, folder.name):
                        _clean(path, folder)
        yield Target(folder, hint)


def _unreplaceable(folder: Path) -> str | None:
    if os.path.lexists(folder) and not os.access(folder, os.W_OK | os.X_OK):
        return "can't be written to"
    return find_unowned(folder)


def recover(folder: Path) -> None:
    """Finish or remove what a killed writer left next to a folder, unless it is being written."""
    with suppress(OutputError), hold(folder, ""):
        pass


def _copy_permissions(source: Path, target: Path) -> None:
    """Copy a folder's group, permissions and attributes to another one, as far as is allowed."""
    with suppress(OSError):
        os.chown(target, -1, source.stat().st_gid)
    with suppress(OSError):
        shutil.copystat(source, target)
        os.utime(target)


def _clean(stage: Path, target: Path) -> None:
    """Remove a hidden folder of ours, or finish an interrupted exchange. Only edgecnn's files are removed."""
    with suppress(OSError):
        if not stat.S_ISDIR(stage.lstat().st_mode):
            return
        mark = stage / MARK
        if os.path.lexists(mark):
            _finish_exchange(stage, target)
            remove_unfinished(stage / "part")
            for whole in (stage / "bundle", stage / "old"):
                if whole.is_dir() and (reason := remove_bundle(whole)):
                    kept = move_to_free(whole, target)
                    echo(f"note: a bundle that was replaced {reason}: it is kept in {kept}", err=True)
            if list(stage.iterdir()) == [mark]:
                mark.unlink()
        stage.rmdir()


def _finish_exchange(stage: Path, target: Path) -> None:
    """Finish an exchange by three steps that was interrupted after the first or the second."""
    old, whole = stage / "old", stage / "bundle"
    if not old.is_dir():
        return
    if whole.is_dir():
        try:
            move_new(whole, target)
        except FileExistsError:
            # Another folder has the name now, so both are moved to where they can be seen.
            for path in (old, whole):
                echo(f"note: {target} is taken: its bundle is kept in {move_to_free(path, target)}", err=True)
            return
    elif not os.path.lexists(target):
        move_new(old, target)
    flush_folder(target.parent)
