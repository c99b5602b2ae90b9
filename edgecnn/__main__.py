"""`python -m edgecnn` is the command `edgecnn`."""

from edgecnn.cli import main

if __name__ == "__main__":
    main()
