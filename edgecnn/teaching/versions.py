"""The versions that a person kept: verified bundles below the folder of the photos, one of them current."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from edgecnn.bundle.bundle import MANIFEST, read_bundle
from edgecnn.bundle.manifest.writing import with_sections
from edgecnn.bundle.output_folder import find_target, hold, recover
from edgecnn.errors import BundleError, DataError, GateError, OptionError, OutputError
from edgecnn.evaluation.held_out import held_out, why_worse
from edgecnn.image.file import read_file
from edgecnn.io.atomic import remove_left_behind, write_file
from edgecnn.io.json_text import to_json
from edgecnn.io.lock import lock
from edgecnn.learning.apart import learn_apart
from edgecnn.teaching.comparison import compare, taught_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from edgecnn.bundle.bundle import Bundle
    from edgecnn.learning.request import Request
    from edgecnn.teaching.photos import TaughtFolder

FOLDER = ".versions"
# The photos that a version is learned from, and the lock of who learns.
_SNAPSHOT, _LOCK = ".photos", "keep"
_NAME, _MOST_BYTES = re.compile(r"[\w][\w .()+-]{0,59}"), 150
# What a version was taught, the digests and recordings of its photos: its name with this ending.
_PHOTOS = ".photos.json"
# What a keep that was killed may have left: a hidden folder or lock, and that list.
_LEFT = re.compile(r"\.(.+)\.edgecnn-[^.]+|(.+)\.photos\.json", re.DOTALL)
_HINT = "name another folder with --out"


class WorseVersion(GateError):
    """A version that is not used, because it is worse than the one in use; `version` is its name."""

    def __init__(self, version: str, used: str, reason: str) -> None:
        super().__init__(
            f"the version {version!r} is kept, and not used: {reason} ({used!r}); ask again to use it"
        )
        self.version = version


class Version(NamedTuple):
    """A kept version.

    Attributes
    ----------
    made
        When, in seconds since the epoch.
    accuracy, low, high
        On photos that it was not taught, with the 95 % interval, 0 to 1.
    size
        The bytes of its int8 file.
    current
        Whether it is the one in use.
    """

    name: str
    made: float
    accuracy: float | None
    low: float | None
    high: float | None
    size: int
    photos: int
    classes: int
    current: bool

    def as_dict(self) -> dict[str, Any]:
        """Return it for the page."""
        made = time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(self.made))
        entry = self._asdict() | {"made": f"{made[:-2]}:{made[-2:]}", "bytes": self.size}
        del entry["size"]
        return entry


def find_out(folder: Path, out: str | os.PathLike[str] | None) -> Path:
    """Return the path of the bundle in use: `out`, or next to the folder of the photos for None.

    Raises OptionError where it is inside that folder.
    """
    if out is None:
        # Without `..`, of which no name can be made.
        return Path(f"{os.path.abspath(folder)}-model")  # noqa: PTH100 - pathlib's follows links
    inside, target = Path(os.path.realpath(folder)), Path(os.path.realpath(out))
    if target == inside or inside in target.parents:
        raise OptionError(
            f"--out is {os.fspath(out)}, inside {folder}, where each folder is a class: expected a folder "
            f"outside of it; without --out it is {find_out(folder, None)}"
        )
    return Path(out)


class Versions:
    """The versions of a folder of photos.

    Parameters
    ----------
    out
        The bundle in use: `live --model OUT --watch` follows it.
    request
        What `learn` is asked for.
    """

    def __init__(self, taught: TaughtFolder, out: Path, request: Request) -> None:
        self._taught, self.out, self._request = taught, out.absolute(), request
        self._folder = taught.folder / FOLDER
        # The list, and of which state of the disk it is; replaced, never changed.
        self._listed: tuple[object, list[Version]] | None = None
        self._recover()

    def all(self) -> list[Version]:
        """Return the versions, the newest first; what is no sound bundle is left out.

        They are read again only where one was added, removed or put in use, by this process or another one.
        """
        state = self._find_state()
        if self._listed is None or self._listed[0] != state:
            self._listed = state, self._read_all()
        return [*self._listed[1]]

    def _find_state(self) -> list[tuple[int, int] | None]:
        """Return what tells the versions, and the one in use, from other ones: the live loop asks often."""
        found: list[tuple[int, int] | None] = []
        for path in (self._folder, self.out / MANIFEST):
            try:
                status = path.stat()
            except OSError:
                found.append(None)
            else:
                found.append((status.st_ino, status.st_mtime_ns))
        return found

    def _read_all(self) -> list[Version]:
        try:
            paths = [path for path in self._folder.iterdir() if path.is_dir() and path.name[0] != "."]
        except OSError:
            return []
        found, current = [], self.current
        for path in paths:
            with suppress(BundleError, OSError):
                found.append(self._describe(read_bundle(path), current))
        return sorted(found, key=lambda version: -version.made)

    def keep(self, name: str = "") -> Version:
        """Learn from the photos as they are now, and keep the result as a version; it is not current yet.

        Raises
        ------
        OptionError
            For a name that is taken, or can't be a folder's.
        DataError, OutputError, GateError
            As `edgecnn.learn`, which runs in a child process; nothing half-written stays.
        """
        name = name.strip() or time.strftime("%Y-%m-%d %H.%M.%S")
        if not _NAME.fullmatch(name) or len(name.encode()) > _MOST_BYTES or name.endswith(_PHOTOS):
            raise OptionError(
                f"a version can't be called {name[:60]!r}: expected up to 60 letters, digits, spaces, . _ - +"
            )
        target = self._folder / name
        if target.exists():
            raise OptionError(f"there is a version {name!r} already: choose another name")
        with self._alone(), self._photos_now() as photos:
            self._write_taught(name, taught_in(photos))
            try:
                bundle = learn_apart(photos, target, self._request)
            except BaseException:
                if not target.exists():
                    self._taught_by(name).unlink(missing_ok=True)
                raise
        self._listed = None  # also where the file system's clock is too coarse to show it
        return self._describe(bundle, self.current)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other processes from keeping. Raises OutputError where one does."""
        try:
            self._folder.mkdir(exist_ok=True)
        except OSError as error:
            raise OutputError(f"{self._folder} can't be written: {error.strerror}") from error
        with lock(self._folder / _LOCK, "keep the version there"):
            yield

    @contextmanager
    def _photos_now(self) -> Iterator[Path]:
        """Yield a folder of the photos as they are now: they may be edited while it is learned from."""
        # Its last part is the name of the data.
        folder = self._folder / _SNAPSHOT / self._taught.folder.name
        shutil.rmtree(folder.parent, ignore_errors=True)  # of a run that was killed
        try:
            folder.mkdir(parents=True)
        except OSError as error:
            raise OutputError(f"{folder} can't be made: {error.strerror}") from error
        try:
            self._taught.link_into(folder)
            yield folder
        finally:
            shutil.rmtree(folder.parent, ignore_errors=True)

    def get(self, name: str) -> Bundle:
        """Return a version's bundle. Raises DataError for an unknown one."""
        if not self._has(name):
            raise DataError(f"there is no version {name[:60]!r}")
        return read_bundle(self._folder / name)

    def make_current(self, name: str) -> Version:
        """Put a copy of a version in the place of the bundle in use, in one step.

        Raises OutputError where it can't be written, and BundleError for a version that is damaged; the one
        before stays then.
        """
        bundle = self.get(name)
        for variant in bundle.variants:
            bundle.read(variant)  # compares its hash
        with hold(find_target(self.out, _HINT), _HINT) as held:
            held.require_replaceable()
            with held.fill() as draft:
                for file in bundle.folder.iterdir():
                    if file.is_file() and file.name != MANIFEST:
                        shutil.copyfile(file, draft.folder / file.name)
                # Which version it is, in the same step.
                draft.manifest = with_sections(bundle.manifest, name=self.out.name, version=name)
                if reason := draft.publish(replace=True):
                    raise OutputError(f"{self.out} {reason}: {_HINT}")
        self._listed = None
        return self._describe(bundle, name)

    def require_as_good(self, name: str) -> None:
        """Raise WorseVersion where a version is worse than the one in use; see `is_worse`."""
        used = self.current
        if used is None or used == name:
            return
        if reason := why_worse(self.get(name), self.get(used)):
            raise WorseVersion(name, used, reason)

    @property
    def current(self) -> str | None:
        """The name of the version in use; None before the first one."""
        try:
            name = read_bundle(self.out).manifest.document.get("version")
        except BundleError:
            return None
        return name if isinstance(name, str) and self._has(name) else None

    def compare(self, first: str, second: str) -> dict[str, Any]:
        """Compare two versions on the photos that are new to both; see `comparison.compare`."""
        bundles, current = [self.get(first), self.get(second)], self.current
        found = compare(self._taught, self._taught_to(first) | self._taught_to(second), *bundles)
        both = {
            key: self._describe(bundle, current).as_dict() | {"on_these": accuracy}
            for key, bundle, accuracy in zip("ab", bundles, found.accuracies, strict=True)
        }
        return {"photos": found.photos, "note": found.note, **both}

    def _has(self, name: str) -> bool:
        return bool(_NAME.fullmatch(name)) and (self._folder / name).is_dir()

    def _recover(self) -> None:
        """Remove what a process that was killed while it kept a version left behind."""
        recover(self.out)
        remove_left_behind(self._folder)
        names = set()
        with suppress(OSError):
            names = {
                found[1] or found[2] for p in self._folder.iterdir() if (found := _LEFT.fullmatch(p.name))
            }
        for name in filter(_NAME.fullmatch, names):
            with suppress(OutputError, OSError), hold(self._folder / name, ""):
                if not self._has(name):
                    self._taught_by(name).unlink(missing_ok=True)

    def _write_taught(self, name: str, taught: Iterable[str]) -> None:
        path = self._taught_by(name)
        try:
            path.parent.mkdir(exist_ok=True)
            write_file(path, to_json(sorted(taught)).encode())
        except OSError as error:
            raise OutputError(f"{path.parent} can't be written: {error.strerror}") from error

    def _taught_to(self, name: str) -> set[str]:
        self.get(name)
        try:
            return set(json.loads(read_file(self._taught_by(name))))
        except (OSError, ValueError) as error:
            raise DataError(f"it is not known which photos taught the version {name!r}") from error

    def _taught_by(self, name: str) -> Path:
        """Return where it is listed what a version was taught: not in the bundle, which is shared."""
        return self._folder / f"{name}{_PHOTOS}"

    def _describe(self, bundle: Bundle, current: str | None) -> Version:
        manifest = bundle.manifest
        measured = held_out(bundle)
        variant = bundle.default_variant()
        photos = manifest.document.get("learning", {}).get("photos", {})
        file = bundle.folder / bundle.variants[variant].file
        return Version(
            bundle.folder.name,
            (bundle.folder / MANIFEST).stat().st_mtime,
            measured and measured.accuracy,
            measured and measured.low,
            measured and measured.high,
            file.stat().st_size,
            sum(photos.values()),
            len(bundle.labels),
            bundle.folder.name == current,
        )
