"""Learns in a child process: its memory returns to the system, and its work does not delay a live loop.

Run as `python -m edgecnn.learning.apart HANDLE REQUEST` this module is that process. It ends with its parent.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from typing import TYPE_CHECKING, Any

from edgecnn import errors
from edgecnn.bundle.bundle import read_bundle
from edgecnn.errors import EdgeCnnError, ModelError
from edgecnn.io.json_text import to_json
from edgecnn.learning.learn import learn
from edgecnn.machine.child_process import ChildProcess, end_with_parent

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.bundle.bundle import Bundle
    from edgecnn.learning.request import Request


def learn_apart(data: Path, out: Path, request: Request) -> Bundle:
    """Learn from labelled photos in a child process, and return the bundle at `out`.

    Of the request, `negatives`, `threads`, `say` and `progress` do not count.

    Raises
    ------
    EdgeCnnError
        As `learn_bundle` does.
    ModelError
        Where the process ends without a result, for example for lack of memory.
    """
    asked = {
        "data": os.fspath(data),
        "out": os.fspath(out),
        "trunk": request.trunk,
        "cut": request.cut,
        "value_range": request.given.value_range,
        "flip": request.flip,
        "seed": request.seed,
        "layout": request.layout,
        "allowed_drop": request.allowed_drop,
    }
    ours, theirs = socket.socketpair()
    with ours:
        try:
            with theirs:
                child = ChildProcess("edgecnn.learning.apart", theirs.fileno(), to_json(asked))
        except OSError as error:
            raise ModelError(f"a process for learning can't be started: {error.strerror}") from error
        try:
            with ours.makefile("rb") as stream:
                answer = stream.read()
            how = child.ended()
        finally:
            child.end()
    if not answer:
        raise ModelError(f"the process that learned {how} without a result: is there enough free memory?")
    found: dict[str, str] = json.loads(answer)
    if "error" in found:
        kind = getattr(errors, found["error"], EdgeCnnError)
        raise kind(found["message"])
    return read_bundle(out)


def main(handle: int, request: str) -> None:
    """Learn what is asked for, and answer on a socket."""
    end_with_parent()
    asked: dict[str, Any] = json.loads(request)
    data, value_range = asked.pop("data"), asked.pop("value_range")
    found: dict[str, str] = {}
    try:
        learn(data, value_range=_ranges(value_range), **asked)
    except EdgeCnnError as error:
        found = {"error": type(error).__name__, "message": str(error)}
    with socket.socket(fileno=handle) as answer:
        answer.sendall(to_json(found).encode())


def _ranges(value: Any) -> Any:
    """Return a range, or one for each channel, as tuples again."""
    if value is None:
        return None
    return tuple(tuple(one) if isinstance(one, list) else one for one in value)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
