"""The command `edgecnn`, also as `python -m edgecnn`."""

import atexit
import gc
import os
import signal
import sys
from contextlib import suppress


def main() -> None:
    """Run the command line; for a process of its own, which ends with it."""
    # What is imported at the start is no garbage, and to look for some takes a tenth of the start's time.
    gc.set_threshold(50_000, 20, 20)
    # numpy's OpenBLAS would start a thread for each core as it is imported. Nothing that edgecnn multiplies
    # with it is worth one.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    codes: list[int] = []
    # What is registered first is called last: all threads have ended then, and all others have cleaned up.
    atexit.register(_leave, codes)
    try:
        from edgecnn.io.address import hide_arguments

        hide_arguments()
        from edgecnn.cli import main as run
        from edgecnn.cli import tell_in_one_line

        tell_in_one_line()
        run()
    except KeyboardInterrupt:  # as modules are imported; commands catch it themselves
        codes.append(128 + signal.SIGINT)
        raise SystemExit(codes[0]) from None
    except SystemExit as ended:
        if isinstance(ended.code, int):
            codes.append(ended.code)
        raise
    codes.append(0)


def _leave(codes: list[int]) -> None:
    """End the process without taking each module apart, a twentieth of a start's time; mypy does the same.

    `codes` has the exit code; without one, after an unexpected error, Python ends in its own way.
    """
    if codes:
        for stream in (sys.stdout, sys.stderr):
            with suppress(AttributeError, OSError, ValueError):  # it may be None, broken or closed
                stream.flush()
        os._exit(codes[0])


# CPython 3.11 to 3.13 keeps frames in chunks of 16 KiB and returns a chunk with its last frame (push_chunk in
# Python/pystate.c), so a loop whose calls cross the end of a chunk asks the system for memory at each call. A
# frame that fits in no such chunk gets a larger one, in which all calls below it fit.
main.__code__ = main.__code__.replace(co_stacksize=17_000)

if __name__ == "__main__":
    main()
