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


if __name__ == "__main__":
    main()
