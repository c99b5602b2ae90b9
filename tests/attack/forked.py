"""Runs `edgecnn …` again and again, each time in a process of its own that starts in milliseconds.

`python -m tests.attack.forked` imports the command line once and forks for each request: a line of JSON on
stdin, the outcome as a line on stdout. `Commands` starts it.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import unicodedata
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tests.attack.confined import confine

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ROOT = Path(__file__).parents[2]
GOOD = ("answer", "refused")
MOST_BYTES = 10**9
LIMIT_S = 10.0
_PRELOADED = (
    "numpy", "cv2", "ai_edge_litert.interpreter", "rich.console", "rich.table",
    "edgecnn.cli.classify", "edgecnn.cli.models", "edgecnn.cli.evaluate", "edgecnn.cli.inspect",
    "edgecnn.cli.bench", "edgecnn.cli.live", "edgecnn_train.inspection.cli", "edgecnn_train.recipe_file",
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What became of one command.

    Attributes
    ----------
    verdict
        `answer` (exit code 0) or `refused` (1 or 2, with a line on stderr); else TRACEBACK, SILENT (failed
        without a word), ESCAPE (a control character reached the terminal), CRASH (a signal), HANG or MEMORY.
    peak
        The most memory of it or of a process that it started, in bytes.
    """

    verdict: str
    code: int
    out: str
    err: str
    peak: int
    seconds: float

    @property
    def good(self) -> bool:
        """Whether it ended as it should."""
        return self.verdict in GOOD


class Commands:
    """Runs commands in forks of one process, which write in one folder alone; a context manager.

    Parameters
    ----------
    environment
        Variables that they get; None for those that they do not get.

    Attributes
    ----------
    confined
        Whether the system keeps them from writing elsewhere, see `tests.attack.confined`.
    """

    def __init__(self, folder: Path, **environment: str | None) -> None:
        home = folder / "home"
        home.mkdir(exist_ok=True)
        places = dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME", "MPLCONFIGDIR"), str(home))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.attack.forked", folder],
            cwd=ROOT, text=True, encoding="utf-8",
            env={k: v for k, v in (os.environ | places | environment).items() if v is not None},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._process.stdout is not None
        self.confined = bool(json.loads(self._process.stdout.readline()))

    def run(
        self,
        *arguments: object,
        folder: Path | None = None,
        limit_s: float = LIMIT_S,
        closed: Sequence[int] = (),
        stdout: str = "",
        file_bytes: int = 0,
        files: int = 0,
    ) -> Outcome:
        """Run `edgecnn ARGUMENTS…` in a folder, with an empty stdin.

        `closed` are descriptors that are not open, `stdout` is a path or `|` for a pipe without a reader;
        no file gets larger than `file_bytes`, and no more than so many `files` may be open.
        """
        request = {"argv": [os.fspath(a) if isinstance(a, os.PathLike) else str(a) for a in arguments]}
        request |= {"folder": str(folder or ROOT), "limit_s": limit_s, "closed": list(closed)}
        request |= {"stdout": stdout, "file_bytes": file_bytes, "files": files}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return Outcome(**json.loads(self._process.stdout.readline()))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()


def counts(outcomes: Iterable[Outcome]) -> str:
    """Return in one line how often each verdict came, the slowest and the largest."""
    found = list(outcomes)
    verdicts = Counter(o.verdict for o in found)
    named = ", ".join(f"{n:,} {verdict}" for verdict, n in sorted(verdicts.items(), key=lambda v: -v[1]))
    slowest, largest = max(o.seconds for o in found), max(o.peak for o in found)
    return f"{len(found):,} cases: {named}; slowest {slowest:.2f} s, largest {largest / 1e6:,.0f} MB"


def _commands(c: str) -> bool:
    """Whether a terminal, or a reader's eye, obeys a character: controls, bytes, what turns directions."""
    kind = unicodedata.category(c)
    turns = unicodedata.bidirectional(c) in ("LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI")
    return (kind in ("Cc", "Cs", "Zl", "Zp") or turns) and c not in "\n\t"


def _judge(code: int, out: str, err: str, peak: int) -> str:
    if code < 0:
        return "CRASH"
    if "Traceback (most recent" in err or "a defect of edgecnn" in err or code not in (0, 1, 2):
        return "TRACEBACK"
    if any(_commands(c) for c in out + err):
        return "ESCAPE"
    if code and not err.strip():
        return "SILENT"
    if peak > MOST_BYTES:
        return "MEMORY"
    return "answer" if code == 0 else "refused"


def _serve(request: dict[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.monotonic()
        child = os.fork()
        if child == 0:
            _be_the_command(request, out.fileno(), err.fileno())
        hung = False
        while True:
            ended, status, usage = os.wait4(child, os.WNOHANG)
            if ended:
                break
            if not hung and time.monotonic() - start > request["limit_s"]:
                hung = True
                os.killpg(child, signal.SIGKILL)
            time.sleep(0.002)
        seconds = time.monotonic() - start
        out.seek(0)
        err.seek(0)
        texts = [f.read().decode("utf-8", "surrogateescape") for f in (out, err)]
    # Who closes stderr, or no longer reads, wants to be told nothing.
    said = texts[1] or "?" * (2 in request["closed"] or request["stdout"] == "|")
    code, peak = os.waitstatus_to_exitcode(status), usage.ru_maxrss << 10
    return {
        "verdict": "HANG" if hung else _judge(code, texts[0], said, peak),
        "code": code, "out": texts[0], "err": texts[1], "peak": peak, "seconds": round(seconds, 3),
    }  # fmt: skip


def _be_the_command(request: dict[str, Any], out: int, err: int) -> None:
    """Become the command that is asked for, and end."""
    code = 70
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDONLY)
        for handle, place in ((nothing, 0), (out, 1), (err, 2)):
            os.dup2(handle, place)
        _worsen(request)
        os.chdir(request["folder"])
        sys.argv = ["edgecnn", *request["argv"]]
        from edgecnn.cli import main

        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - this is what is looked for
        import traceback

        traceback.print_exc()
    finally:
        for stream in filter(None, (sys.stdout, sys.stderr)):
            try:
                stream.flush()
            except Exception:  # noqa: BLE001
                code = code or 70
        os._exit(code)


def _worsen(request: dict[str, Any]) -> None:
    """Close standard streams, put another file behind stdout, and limit the size and number of files."""
    if request["stdout"] == "|":
        read, write = os.pipe()
        os.close(read)
        os.dup2(write, 1)
    elif request["stdout"]:
        os.dup2(os.open(request["stdout"], os.O_WRONLY), 1)
    for place in request["closed"]:
        os.close(place)
        setattr(sys, ("stdin", "stdout", "stderr")[place], None)
    if request["file_bytes"]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["file_bytes"], request["file_bytes"]))
    if request["files"]:
        resource.setrlimit(resource.RLIMIT_NOFILE, (request["files"], request["files"]))


def _main() -> None:
    import importlib

    warnings.simplefilter("error")  # for a person it is another line in the terminal
    for name in _PRELOADED:
        importlib.import_module(name)
    print(json.dumps(confine([sys.argv[1]])), flush=True)
    for line in sys.stdin:
        print(json.dumps(_serve(json.loads(line))), flush=True)


if __name__ == "__main__":
    _main()
