"""The command `edgecnn`, also as `python -m edgecnn`."""

import gc


def main() -> None:
    """Run the command line."""
    # What is imported at the start is no garbage, and to look for some takes a tenth of the start's time.
    gc.set_threshold(50_000, 20, 20)
    from edgecnn.io.address import hide_arguments

    hide_arguments()
    from edgecnn.cli import main as run
    from edgecnn.cli import tell_in_one_line

    tell_in_one_line()
    try:
        run()
    finally:
        # Nor is it worth a look when the process ends: Python would search all of it twice.
        gc.freeze()


# CPython 3.11 to 3.13 keeps frames in chunks of 16 KiB and returns a chunk with its last frame (push_chunk in
# Python/pystate.c), so a loop whose calls cross the end of a chunk asks the system for memory at each call. A
# frame that fits in no such chunk gets a larger one, in which all calls below it fit.
main.__code__ = main.__code__.replace(co_stacksize=17_000)

if __name__ == "__main__":
    main()
