"""Checks the files that a command is to write, before the work that fills them."""

from __future__ import annotations

from pathlib import Path

from edgecnn.errors import OptionError

# Options whose files matplotlib draws.
_DRAWN = ("--html", "--plot")


def check_outputs(outputs: dict[str, str | None]) -> None:
    """Raise OptionError, OutputError or MissingExtra for what can't be written.

    `outputs` are the targets by option: a path, - for stdout, None for nothing.
    """
    from edgecnn.evaluation.heatmap import require_matplotlib
    from edgecnn.io.output import check_target

    if any(outputs.get(option) for option in _DRAWN):
        require_matplotlib()
    if len(alone := [option for option, target in outputs.items() if target == "-"]) > 1:
        raise OptionError(f"{' and '.join(alone)} can't all go to stdout: give all but one a file")
    named: dict[Path, str] = {}
    for option, target in outputs.items():
        if target:
            check_target(target)
            if (other := named.setdefault(Path(target).resolve(), option)) != option:
                raise OptionError(f"{other} and {option} name the same file, {target}: give each its own")
