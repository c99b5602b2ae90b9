"""The live view in a terminal: readable over SSH at 80 columns, plain lines without a terminal."""

from __future__ import annotations

import contextlib
import errno
import time
from operator import itemgetter
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from edgecnn.io.printable import printable
from edgecnn.live.command import Command, Quit
from edgecnn.live.sink import Sink
from edgecnn.live.sink.keys import HELP, TerminalKeys, commands
from edgecnn.live.stats import RECENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console, OverflowMethod

    from edgecnn.frame import Prediction, Result
    from edgecnn.live.stats import Stats

REDRAW_S = 0.1
PLAIN_LINE_S = 1.0
# Without a frame for so long, the last answer of one of several cameras is no longer shown.
SILENT_S = 5.0
# The width of a bar, and the least width of the names next to it.
_BAR, _NAME = 24, 12


class TerminalSink(Sink):
    """Redraws ten times a second; keys work in an interactive terminal.

    The console is one of `edgecnn.io.printable.open_console`. Each of several `cameras` has a line, with its
    name.
    """

    needs_picture = False
    help = HELP

    takes = ("console", "cameras")

    def __init__(self, console: Console, cameras: Sequence[str] = ()) -> None:
        self._console, self._cameras = console, cameras
        self._live: Live | None = None
        self._next = self._drawn_s = 0.0
        # By the number of the camera, with when they came.
        self._newest: dict[int, tuple[Result, Stats, float]] = {}
        self._paused = self._gone = False
        self._widest = _NAME
        console.print("to see the frames: --show web, in any browser", style="dim", soft_wrap=True)
        if console.is_terminal and not console.is_dumb_terminal:
            self._live = Live(console=console, auto_refresh=False, transient=True)
            self._live.start()
        self._keys = TerminalKeys()  # last: the terminal is not restored if this fails

    def show(self, result: Result, stats: Stats) -> None:
        """Redraw if due."""
        now = time.monotonic()
        self._newest[stats.camera] = result, stats, now
        if now >= self._next:
            self._draw(result, stats)

    def poll(self, stats: Stats) -> Sequence[Command]:
        """Read the keys; a closed terminal ends the loop."""
        newest = self._newest.get(stats.camera)
        if newest and self._live and stats.paused != self._paused:
            self._draw(newest[0], stats)
        pressed = ""
        with self._terminal():
            pressed = self._keys.pressed()
        for key in pressed:
            self.press(key)
        return [Quit()] if self._gone else commands(pressed)

    def press(self, key: str) -> None:
        """Do what a key asks for that is no command of the loop; nothing here."""

    def _draw(self, result: Result, stats: Stats) -> None:
        self._next = time.monotonic() + (REDRAW_S if self._live else PLAIN_LINE_S)
        self._paused = stats.paused
        with self._terminal():
            if self._live:
                self._live.update(self._table(result, stats), refresh=True)
            else:
                for line in self._lines_since(self._drawn_s):
                    self._console.print(printable(line), soft_wrap=True)
        self._drawn_s = time.monotonic()

    def _lines_since(self, since_s: float) -> Iterator[str]:
        """Yield a line for each camera with a newer result, which names the camera if there are several."""
        for number, (result, stats, came_s) in sorted(self._newest.items(), key=itemgetter(0)):
            if came_s > since_s:
                name = f"{self._cameras[number]}  " if len(self._cameras) > 1 else ""
                yield name + plain_line(result, stats)

    @contextlib.contextmanager
    def _terminal(self) -> Iterator[None]:
        """Record that the terminal was closed, instead of failing."""
        try:
            yield
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            self._gone = True

    def close(self) -> None:
        """Restore the terminal."""
        self._keys.close()
        live, self._live = self._live, None
        if live:
            with contextlib.suppress(OSError):
                live.stop()

    def _table(self, result: Result, stats: Stats) -> Group:
        keys = Text(self.help if self._keys.active else "Ctrl-C quits", style="dim")
        if len(self._cameras) > 1:
            return Group(self._cameras_table(stats), Text(), keys)
        table = _grid(_NAME, overflow="fold")
        head = Text(printable(result.shown), style="bold")
        table.add_row(Text("paused" if stats.paused else "label", style="bold"), head)
        figures = _grid(_NAME, overflow="ellipsis")
        self._figures(figures, result, stats)
        return Group(table, self._bars(result.ranking[:3]), figures, Text(), keys)

    def _cameras_table(self, stats: Stats) -> Table:
        """Draw a line for each camera, and the latencies of the newest result's."""
        widest = max(cell_len(printable(name)) for name in self._cameras)
        wide = min(max(_NAME, widest), self._console.width // 2)
        table = _grid(wide, overflow="ellipsis")
        for number, name in enumerate(self._cameras):
            result, counts, came_s = self._newest.get(number, (None, None, 0.0))
            if result is None or counts is None:
                line = Text("no frame yet", style="dim")
            elif not stats.paused and time.monotonic() - came_s > SILENT_S:
                line = Text(f"no frame for {time.monotonic() - came_s:.0f} s", style="dim")
            else:
                rest = f"  {result.ranking[0].score:.1%}  {counts.rate():.1f} a second"
                line = Text(printable(result.shown), style="bold")
                line.truncate(self._console.width - wide - 2 - len(rest), overflow="ellipsis")
                line.append(rest, style="not bold")
            table.add_row(printable(name), line)
        table.add_row("", "paused" if stats.paused else "")
        self._latencies(table, stats)
        return table

    def _bars(self, ranking: Sequence[Prediction]) -> Table:
        """Draw the best classes, with full names if there is room."""
        names = [printable(prediction.label) for prediction in ranking]
        room = max(_NAME, self._console.width - _BAR - len("  100.0%") - 2)
        # Never narrower, so that bars do not move when another class appears.
        self._widest = min(room, max(self._widest, *map(cell_len, names)))
        table = _grid(self._widest, overflow="ellipsis")
        for name, prediction in zip(names, ranking, strict=True):
            filled = round(prediction.score * _BAR)
            bar = "█" * filled + "░" * (_BAR - filled)
            table.add_row(name, f"{bar} {prediction.score:6.1%}")
        return table

    def _figures(self, table: Table, result: Result, stats: Stats) -> None:
        if result.steady:
            table.add_row("this frame", printable(of_this_frame(result)), style="dim")
        table.add_row("", "")
        seen = f"{stats.frames:,} frames, {stats.rate():.1f} a second, {stats.dropped:,} dropped"
        table.add_row("seen", seen)
        self._latencies(table, stats)
        if stats.known:
            right = f"{stats.correct / stats.known:.1%} of {stats.known:,}"
            table.add_row("right", right)
            if words := stats.following.words:
                table.add_row("smoothed", words)
        if stats.unknown:
            table.add_row("unknown", f"{stats.unknown / stats.frames:.1%} of {stats.frames:,}")

    def _latencies(self, table: Table, stats: Stats) -> None:
        if stats.variant:
            table.add_row("variant", stats.variant)
        for stage, spread in stats.spreads(RECENT).items():
            table.add_row(stage, f"p50 {spread.p50_ms:8.3f} ms   p99 {spread.p99_ms:8.3f} ms")


def _grid(width: int, overflow: OverflowMethod) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(width=width, no_wrap=True)
    table.add_column(no_wrap=overflow != "fold", overflow=overflow)
    return table


def of_this_frame(result: Result) -> str:
    """Return the newest frame's own answer, and its best score."""
    best = result.predictions[0]
    return f"{result.label}, nearest {best.label} {best.score:.3f}" if result.unknown else _scored(best)


def plain_line(result: Result, stats: Stats) -> str:
    """Return one line on the current state, for logs and pipes."""
    best = result.ranking[0]
    # Both are shown if the answer is not the class of the best score.
    answer = "" if best.label == result.shown else f"{result.shown}  "
    frame = f"  frame {of_this_frame(result)}" if result.steady else ""
    timings = result.timings
    right = f"  right {stats.correct / stats.known:.1%}" if stats.known else ""
    return (
        f"{answer}{_scored(best)}{frame}  {stats.rate():.1f} fps  dropped {stats.dropped}  "
        f"preprocess {timings.preprocess_ms:.3f} ms  inference {timings.inference_ms:.3f} ms  "
        f"decode {timings.decode_ms:.3f} ms{right}"
    )


def _scored(prediction: Prediction) -> str:
    return f"{prediction.label} {prediction.score:.3f}"
