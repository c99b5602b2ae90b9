"""Where a bundle is written: locked, filled in a hidden folder beside it, and put in place in one step.

The hidden folder, `.NAME.edgecnn-` and 16 digits, holds a file that marks it and one of: `part`, which is
being filled; `bundle`, which is whole (after the exchange it is the bundle that was at the target before);
`old`, the bundle before, where the system needs three steps for the exchange. Whoever writes the same target
next finishes or removes what a kill left of these.
"""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.bundle.owned_files import find_foreign, remove_bundle, remove_unfinished, seal
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

# Room for what is written beside it, such as NAME.report.html: a file's name has at most 255 bytes.
_LONGEST_NAME = 200


def find_target(path: str | os.PathLike[str], hint: str) -> Path:
    """Return the real path of a bundle's folder to be, whose last part may be a link to a folder.

    Parameters
    ----------
    hint
        How a message ends: what to type instead.

    Raises
    ------
    OutputError
        For what can't be a bundle's folder: a file, a dangling link, a name that is too long, and the
        folders that hold everything else, such as `/`, the home or the current one.
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
        raise OutputError(f"{_shown(path)} is a link to something that is not there: {hint}") from error
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
    # What is mounted from the same file system, as containers do, is known to the kernel only.
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
    """A bundle's folder that this process alone writes, see `hold`."""

    def __init__(self, folder: Path, hint: str) -> None:
        self.folder = folder
        self._hint = hint

    def require_replaceable(self) -> None:
        """Raise OutputError where the folder holds anything that edgecnn did not write."""
        require_replaceable(self.folder, self._hint)

    @contextmanager
    def fill(self) -> Iterator[Draft]:
        """Give a draft of the bundle, which disappears at the end unless it was published.

        Raises OutputError for a full disk and the like.
        """
        stage = self.folder.with_name(hidden_name(self.folder.name))
        try:
            stage.mkdir(0o700)
            (stage / MARK).touch()
            (stage / "part").mkdir()
            yield Draft(self.folder, stage)
        except EdgeCnnError:
            raise
        except OSError as error:
            reason = error.strerror or error
            raise OutputError(f"{self.folder} can't be written: {reason}: {self._hint}") from error
        finally:
            _clean(stage, self.folder)


class Draft:
    """A bundle that is being written: the files in `folder`, and the manifest that `manifest` is set to."""

    def __init__(self, target: Path, stage: Path) -> None:
        self._target, self._stage = target, stage
        self.folder = stage / "part"
        self._whole = stage / "bundle"
        # Written when all other files are there, since it has their hashes.
        self.manifest: Manifest | None = None

    def publish(self, *, replace: bool) -> str | None:
        """Put the bundle in its place; a bundle that is there is replaced in one step, if that is allowed.

        Returns None, or what forbids it, as the end of a sentence that begins with the folder: the draft is
        then whole, and can still be published beside it.
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
            return "is there already"
        if reason := _unreplaceable(self._target):
            return reason
        _take_over(self._target, self._whole)
        exchange(self._whole, self._target, self._stage / "old")
        # What appeared there until a moment ago is here now, where nobody else writes.
        if reason := find_foreign(self._whole):
            exchange(self._whole, self._target, self._stage / "old")
            return reason
        flush_folder(self._target.parent)
        return None

    def publish_beside(self) -> Path:
        """Put the bundle under a free name beside its place, and return where it is."""
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
    """Raise OutputError where a folder holds anything that edgecnn did not write, or can't be written to."""
    try:
        reason = _unreplaceable(folder)
    except OSError as error:
        raise OutputError(f"{folder} can't be read: {error.strerror}: {hint}") from error
    if reason:
        raise OutputError(f"{folder} {reason}: {hint}")


@contextmanager
def hold(folder: Path, hint: str) -> Iterator[Target]:
    """Lock a folder that `find_target` gave, and finish or remove what a killed writer left beside it.

    Raises OutputError where another process writes it.
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
    return find_foreign(folder)


def recover(folder: Path) -> None:
    """Finish or remove what a killed writer left beside a folder that is not written now."""
    with suppress(OutputError), hold(folder, ""):
        pass


def _take_over(source: Path, target: Path) -> None:
    """Give a folder the permissions and attributes of the one that it replaces, as far as is allowed."""
    with suppress(OSError):
        os.chown(target, -1, source.stat().st_gid)
    with suppress(OSError):
        shutil.copystat(source, target)
        os.utime(target)


def _clean(stage: Path, target: Path) -> None:
    """Remove a hidden folder of ours; finish an exchange that was stopped. Nothing of others is removed."""
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
    """Finish an exchange by three steps that was stopped after the first or the second."""
    old, whole = stage / "old", stage / "bundle"
    if not old.is_dir():
        return
    if whole.is_dir():
        try:
            move_new(whole, target)
        except FileExistsError:
            # Somebody's own is there now, so both are brought to where they can be seen.
            for path in (old, whole):
                echo(f"note: {target} is taken: its bundle is kept in {move_to_free(path, target)}", err=True)
            return
    elif not os.path.lexists(target):
        move_new(old, target)
    flush_folder(target.parent)
