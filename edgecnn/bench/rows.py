"""The results of a run as CSV, as in `benchmarks/reference/`."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from edgecnn.defaults import VERSION

if TYPE_CHECKING:
    from edgecnn.bench.report import BenchResult

COLUMNS = (
    "model", "variant", "engine", "threads", "stage", "min_ms", "p50_ms", "p90_ms", "p99_ms", "runs", "quiet",
    "frames", "sha256", "engine_version", "edgecnn", "board", "cpu", "cpu_family", "instructions",
    "system", "when",
)  # fmt: skip


def csv_text(result: BenchResult) -> str:
    """Return the results as CSV, one row for each candidate and stage, with the columns `COLUMNS`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    board, quiet = result.board, "no" if result.doubts else "yes"
    for c in result.candidates:
        for stage in c.stages:
            what = (result.model, c.variant, c.engine, c.threads, stage)
            runs = sum(map(len, c.values(stage)))
            about = (result.frames, c.sha256, c.engine_version, VERSION)
            machine = (
                board.model or "",
                board.cpu,
                board.cpu_family,
                "; ".join(board.instructions),
                board.system,
            )
            when = result.when.isoformat(timespec="seconds")
            writer.writerow([*what, *c.spread(stage).as_dict().values(), runs, quiet, *about, *machine, when])
    return text.getvalue()
