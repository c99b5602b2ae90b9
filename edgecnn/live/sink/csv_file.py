"""Results as a table in a CSV file, one row a frame, for spreadsheets."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from edgecnn.io.printable import printable
from edgecnn.live.sink.lines import LineSink

if TYPE_CHECKING:
    import threading

    from edgecnn.frame import Result

COLUMNS = (
    "time", "source", "frame", "label", "score", "frame_label", "frame_score",
    "preprocess_ms", "inference_ms", "decode_ms", "age_ms", "truth",
)  # fmt: skip


class CsvSink(LineSink):
    """Adds a row for each result: the label that is shown, and the frame's own.

    `score` is that of the best class by averaged scores, or by the frame's own without smoothing. CSV can't
    escape control characters, so they become visible signs. `-` is stdout. An existing file grows; see
    `LineFile` for a full disk.
    """

    takes = ("stop",)

    def __init__(self, path: str, stop: threading.Event | None = None) -> None:
        super().__init__(path, ",".join(COLUMNS), stop)

    def line(self, result: Result) -> str:
        """Return the row."""
        frame, timings = result.frame, result.timings
        row = io.StringIO()
        csv.writer(row, lineterminator="").writerow(
            [
                frame.wall_time().isoformat(timespec="milliseconds"),
                printable(frame.source),
                frame.index,
                printable(result.shown),
                f"{result.ranking[0].score:.6f}",
                printable(result.label),
                f"{result.predictions[0].score:.6f}",
                *(f"{ms:.4f}" for ms in (timings.preprocess_ms, timings.inference_ms, timings.decode_ms)),
                f"{result.age_ms:.3f}",
                printable(frame.truth or ""),
            ]
        )
        return row.getvalue()
