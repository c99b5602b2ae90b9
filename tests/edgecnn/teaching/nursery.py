"""Starts `edgecnn` commands in a moment: this process has imported all of it, and forks for each command.

A line of its input is a command: `{"arguments": [...], "output": PATH}`; it answers with the process ID. Its
disk is a slow one, as a memory card is: each change of a folder waits a moment, in which it may be killed.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import time

# What a teaching run imports, most of a start's time.
MODULES = (
    "ai_edge_litert.interpreter",
    "edgecnn.__main__",
    "edgecnn.camera.synthetic",
    "edgecnn.camera.tabletop",
    "edgecnn.cli",
    "edgecnn.cli.teach",
    "edgecnn.engine.litert",
    "edgecnn.engine.probe",
    "edgecnn.live.loop",
    "edgecnn.live.sink.web.server",
    "edgecnn.teaching.session",
    "edgecnn.teaching.web.pages",
    "uvicorn.lifespan.off",
    "uvicorn.loops.auto",
)


# What waits, and for how long.
SLOW = {"edgecnn.renameat2", "os.rename", "os.mkdir", "os.remove", "os.rmdir"}
SLOW_S = 0.02


def main() -> None:
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as the command sets it, before numpy is imported
    for module in MODULES:
        importlib.import_module(module)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no one waits for the commands
    for line in sys.stdin:
        asked = json.loads(line)
        if not (child := os.fork()):
            run(asked["arguments"], asked["output"])
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()


def run(arguments: list[str], output: str) -> None:
    """Be the command from now on."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    written = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
    os.dup2(written, 1)
    os.dup2(written, 2)
    sys.addaudithook(lambda event, _: time.sleep(SLOW_S) if event in SLOW else None)
    sys.argv = ["edgecnn", *arguments]
    from edgecnn.__main__ import main

    main()
    os._exit(0)


if __name__ == "__main__":
    main()
