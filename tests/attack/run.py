"""Runs one kind of attack many times, and prints what became of the cases.

    python -m tests.attack.run manifests --cases 8000 --seed 0

Each case has to end in an answer or in a refusal of one line; the exit code is 1 where one did not, and what
it was is printed. The same seed makes the same cases.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
import time
from pathlib import Path

from tests.attack.forked import Commands, counts

KINDS = ("images", "manifests", "archives", "idx_files", "tables", "recipes", "options")
MOST_SHOWN = 40


def main() -> None:
    """Parse the command line, run, print, and exit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("kinds", nargs="+", choices=[*KINDS, "all"], metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--cases", type=int, default=1000, help="how many of each kind")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    failed = False
    for kind in KINDS if "all" in given.kinds else given.kinds:
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            (work := Path(folder) / "work").mkdir()
            with Commands(Path(folder)) as commands:
                attack = importlib.import_module(f"tests.attack.{kind}")
                outcomes = attack.run(commands, given.cases, given.seed, work)
        print(f"{kind}, seed {given.seed}, {time.monotonic() - start:.0f} s: {counts(outcomes)}", flush=True)
        for outcome in [o for o in outcomes if not o.good][:MOST_SHOWN]:
            failed = True
            print(f"  {outcome.verdict} {outcome.code}: {(outcome.err or outcome.out)[-600:]!r}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
