"""Where a new bundle and its report page may be written, and how they are put there."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
import tempfile
from typing import TYPE_CHECKING

from edgecnn.bundle.output_folder import find_target, hold, require_replaceable
from edgecnn.errors import OutputError
from edgecnn.io.atomic import write_file
from edgecnn.io.lock import lock, require_unlocked
from edgecnn.io.regular import read_regular

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from edgecnn.bundle.output_folder import Draft, Target

# Ends a page, whichever command made it; the digest of the bundle's name and of all before follows. Its words
# stay: pages of earlier versions are recognized by them.
_STAMP = b"\n<!-- written by edgecnn train, "
_MOST_PAGE = 256 << 20


def page_path(bundle: Path) -> Path:
    """Return the path of a bundle's page: next to its folder, because the page has images of the dataset."""
    return bundle.with_name(f"{bundle.name}.report.html")


def check_target(folder: Path, hint: str) -> None:
    """Raise OutputError where a bundle and its page can't be written to `folder`: now, not after hours.

    So where one of them holds anything that edgecnn did not write, or another process writes it.

    Parameters
    ----------
    hint
        How messages end: what to type instead.
    """
    real = find_target(folder, hint)
    require_unlocked(real, hint)
    require_replaceable(real, hint)
    if reason := unowned_page(folder):
        raise OutputError(f"{reason}: move it away, or {hint}")
    try:
        for parent in {real.parent, folder.parent}:
            parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=parent):
                pass
    except OSError as error:
        raise OutputError(f"nothing can be written to {folder.parent}: {error.strerror}; {hint}") from error


@contextlib.contextmanager
def claim(folder: Path, hint: str) -> Iterator[Target]:
    """Lock a bundle's folder while it is made: `output_folder.hold`. Raises as `check_target`."""
    check_target(folder, hint)
    real = find_target(folder, hint)
    with contextlib.ExitStack() as stack:
        # What lies next to the folder is next to a link, the bundle where it leads.
        if real != folder.parent.resolve() / folder.name:
            stack.enter_context(lock(folder, hint))
        held = stack.enter_context(hold(real, hint))
        held.require_replaceable()
        yield held


def put_in_place(draft: Draft, out: Path, page: str, say: Callable[[str], None]) -> None:
    """Put the bundle and its page in place.

    If another program has taken the place meanwhile, both go next to it, and OutputError says so.
    """
    reason = unowned_page(out)
    reason = draft.publish(replace=True) if reason is None else f"can't be replaced, since {reason}"
    placed = draft.publish_beside() if reason else out
    say(f"report, with the images that it gets most wrong: {write_page(placed, page, out.name)}")
    if reason:
        raise OutputError(f"{out} {reason}: the new bundle was published as {placed}")
    say(f"published {out}: edgecnn live --model {shlex.quote(str(out))}")


def write_page(bundle: Path, text: str, name: str | None = None) -> Path:
    """Write a bundle's page and return where it is: under another name if a file of the user has this one.

    Parameters
    ----------
    name
        What the bundle is called, where its folder has another name for now.

    Raises
    ------
    OutputError
        Where it can't be written.
    """
    data = _stamped(text, name or bundle.name)
    wanted = page_path(bundle)
    numbered = (bundle.with_name(f"{bundle.name}-{n}.report.html") for n in range(2, 1000))
    try:
        for path in (wanted, *numbered):
            with contextlib.suppress(FileExistsError):
                write_file(path, data, ours=lambda found: is_own_page(found, bundle.name))
                return path
    except OSError as error:
        raise OutputError(f"{wanted} can't be written: {error.strerror or error}") from error
    raise OutputError(f"{wanted} can't be written: too many names are taken")


def unowned_page(folder: Path) -> str | None:
    """Return why a bundle's page can't be written, if a file of the user has its name."""
    page = page_path(folder)
    if os.path.lexists(page) and not is_own_page(page, folder.name):
        return f"{page} is where the report goes, and it holds what edgecnn did not write"
    return None


def is_own_page(path: Path, name: str) -> bool:
    """Whether a file is a bundle's page exactly as `write_page` wrote it."""
    try:
        if path.is_symlink():
            return False
        data = read_regular(path, _MOST_PAGE)
    except OSError:
        return False
    body = data[: data.rfind(_STAMP)] if _STAMP in data else data
    return body != data and data == _stamped(body.decode("utf-8", "replace"), name)


def _stamped(text: str, name: str) -> bytes:
    body = text.encode("utf-8", "replace")
    digest = hashlib.sha256(os.fsencode(name) + b"\0" + body).hexdigest().encode()
    return body + _STAMP + digest + b" -->\n"
