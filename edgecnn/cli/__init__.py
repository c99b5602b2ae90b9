"""The command line: a file for each command, which parses and prints, and the table that names them."""

from edgecnn.cli.start import main, tell_in_one_line

__all__ = ["command", "main", "options", "outputs", "takes", "tell_in_one_line"]
