"""How training goes, while it goes: a display in a terminal, one plain line an epoch elsewhere."""

from __future__ import annotations

import contextlib
import datetime
import itertools
import statistics
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Protocol

import keras
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from edgecnn.io.printable import open_console

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.console import Console

    from edgecnn_train.plan import Plan

Show = Literal["bar", "lines", "none"]


class Log(Protocol):
    """The metrics of the epochs, one record each; `best_epoch` counts from 1."""

    history: list[dict[str, float]]

    @property
    def best_epoch(self) -> int:
        """The best epoch so far."""
        ...


REDRAW_S = 0.25
# A first epoch below this is mostly TensorFlow's preparation of the graph.
_QUICK_S = 10.0
# Epochs in the table, and the width of bars and sparklines, which together fit 80 columns.
_ROWS = 6
_WIDTH = 40
_LEVELS = "▁▂▃▄▅▆▇█"


@contextlib.contextmanager
def progress(
    show: Show, epochs: int, log: Log, say: Callable[[str], None], plan: Plan | None = None
) -> Iterator[list[Any]]:
    """Give the callbacks that show how training goes; they have to come after `log`.

    Parameters
    ----------
    show
        `bar` for the display, which becomes `lines` where stdout is no terminal that can show it; `lines`
        for one line an epoch through `say`; or `none`.
    epochs
        The last epoch's number.
    log
        A callback that keeps the figures of the epochs.
    plan
        What else the run has to do: the time that is left is then that of the whole run.
    """
    console = _terminal(show)
    if console:
        with Live(console=console, auto_refresh=False) as live:
            yield [Display(epochs, log, live, plan)]
    elif show == "none":
        yield [Progress(epochs, log, plan)] if plan else []
    else:
        yield [Lines(epochs, log, say, plan)]


@contextlib.contextmanager
def doing(plan: Plan, name: str, show: Show, say: Callable[[str], None]) -> Iterator[None]:
    """Show a step of the plan other than training: a bar with the remaining time, or a line."""
    with plan.step(name):
        if console := _terminal(show):
            draw = partial(_whole, plan, name)
            with Live(console=console, transient=True, refresh_per_second=4, get_renderable=draw):
                yield
        else:
            say(f"{name}; ETA {clock(plan.remaining())}")
            yield


def _terminal(show: Show) -> Console | None:
    """Return the terminal that can show a display, where one was asked for."""
    console = open_console()
    return console if show == "bar" and console.is_terminal and not console.is_dumb_terminal else None


def _whole(plan: Plan, name: str) -> Table:
    """Return one line: the step that is done now, and how much of the whole run is."""
    grid, remaining = Table.grid(padding=(0, 1)), plan.remaining()
    grid.add_row(name, ProgressBar(1.0, plan.share(remaining), width=_WIDTH), f"ETA {clock(remaining)}")
    return grid


class Progress(keras.callbacks.Callback):  # type: ignore[misc]
    """Measures the epochs of this run, and updates the plan."""

    def __init__(self, epochs: int, log: Log, plan: Plan | None = None) -> None:
        super().__init__()
        self.plan = plan
        self.epochs = epochs
        self.log = log
        self.began = 0.0
        self.taken: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Start the epoch's clock."""
        self.began = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Stop it; validation and the checkpoint are in its time."""
        self.taken.append(time.monotonic() - self.began)
        if self.plan and not self._tells_little():
            self.plan.took("batches", self.taken[-1], self.params.get("steps") or 1)

    def _tells_little(self) -> bool:
        """Whether all that is known is a quick first epoch, most of which is preparation."""
        return len(self.taken) == 1 < self.epochs and self.taken[0] < _QUICK_S

    def left(self, share: float = 0.0) -> float | None:
        """Return the seconds until the end of the whole run, or of the training where there is no plan."""
        own = self.remaining(share)
        if self.plan is None or own is None:
            return own
        later = self.plan.later()
        return None if later is None else own + later

    def remaining(self, share: float = 0.0) -> float | None:
        """Return the seconds until the last epoch's end; `share` of the next epoch is done.

        The median of this run's epochs counts, so that one disturbed epoch does not. None as long as nothing
        is known.
        """
        if self.taken and not self._tells_little():
            epoch = statistics.median(self.taken[1:] if 1 < len(self.taken) < 4 else self.taken)
        elif share > 0 and not self.taken:
            epoch = (time.monotonic() - self.began) / share
        else:
            return None
        return epoch * max(0.0, self.epochs - len(self.log.history) - share)


class Lines(Progress):
    """One line an epoch."""

    def __init__(self, epochs: int, log: Log, say: Callable[[str], None], plan: Plan | None = None) -> None:
        super().__init__(epochs, log, plan)
        self._say = say

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Say how it went."""
        super().on_epoch_end(epoch, logs)
        history, best = self.log.history, self.log.best_epoch
        shown = zip(_FIGURES, _row(history[-1]), strict=True)
        figures = ", ".join(f"{name} {text}" for name, text in shown if text)
        kept = f"best {history[best - 1]['val_accuracy']:.4f} (epoch {best}); " if _validated(history) else ""
        self._say(f"epoch {len(history)}/{self.epochs}: {figures}; {kept}ETA {clock(self.left())}")


class Display(Progress):
    """Redraws bars, sparklines and the last epochs a few times a second, between two batches."""

    def __init__(self, epochs: int, log: Log, live: Live, plan: Plan | None = None) -> None:
        super().__init__(epochs, log, plan)
        self._live = live
        self._next = 0.0

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Draw, if it is time to."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + REDRAW_S
            self._draw(batch + 1, logs or {})

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Draw what validation gave."""
        super().on_epoch_end(epoch, logs)
        self._draw(0, {})

    def _draw(self, batch: int, now: dict[str, Any]) -> None:
        steps = self.params.get("steps") or max(1, batch)
        self._live.update(self.display(batch, steps, now), refresh=True)

    def display(self, batch: int, steps: int, now: dict[str, Any]) -> Table:
        """Return the display after `batch` of `steps` batches, with the metrics of this epoch."""
        history = self.log.history
        done, share = len(history), batch / steps
        grid = Table.grid(padding=(0, 1))
        if self.plan and self.plan.current:
            left = self.left(share)
            grid.add_row("all", ProgressBar(1.0, self.plan.share(left), width=_WIDTH), f"ETA {clock(left)}")
            grid.add_row("", self.plan.current.name)
        grid.add_row(
            "epochs",
            ProgressBar(self.epochs, done + share, width=_WIDTH),
            f"{done}/{self.epochs}, ETA {clock(self.remaining(share))}",
        )
        figures = ", ".join(f"{name} {float(now[name]):.4f}" for name in ("loss", "accuracy") if name in now)
        grid.add_row("batches", ProgressBar(steps, batch, width=_WIDTH), f"{batch}/{steps}")
        grid.add_row("", figures)
        if history:
            best = self.log.best_epoch
            for name in (n for n in ("loss", "val_accuracy") if n in history[0]):
                grid.add_row(name, sparkline([e[name] for e in history], _WIDTH), f"{history[-1][name]:.4f}")
            if _validated(history):
                grid.add_row("best", f"val_accuracy {history[best - 1]['val_accuracy']:.4f}, epoch {best}")
        whole = Table.grid()
        whole.add_row(grid)
        if history:
            whole.add_row(self._epochs(best))
        return whole

    def _epochs(self, best: int) -> Table:
        """Return the table of the last epochs."""
        history = self.log.history
        table = Table(box=None, padding=(0, 1), pad_edge=False)
        for head in ("epoch", *_FIGURES):
            table.add_column(head, justify="right", no_wrap=True)
        for number, figures in list(enumerate(history, 1))[-_ROWS:]:
            table.add_row(str(number), *_row(figures), style="bold" if number == best else "")
        return table


def sparkline(values: Sequence[float], width: int) -> str:
    """Return values as a row of blocks from the lowest to the highest one, at most `width` of them.

    More values than that are averaged in equal runs.
    """
    count = min(width, len(values))
    edges = [round(i * len(values) / count) for i in range(count + 1)]
    means = [statistics.fmean(values[a:b]) for a, b in itertools.pairwise(edges)]
    low, span = min(means), max(means) - min(means)
    return "".join(_LEVELS[round((m - low) / span * (len(_LEVELS) - 1)) if span else 0] for m in means)


_FIGURES = ("seconds", "data", "loss", "accuracy", "val_loss", "val_accuracy")


def _row(figures: dict[str, float]) -> tuple[str, ...]:
    """Return an epoch's metrics as text; `data` is the share of its time that preparing batches took.

    A private run keeps no metrics of the training images.
    """
    rest = (f"{figures[name]:.4f}" if name in figures else "" for name in _FIGURES[2:])
    return (f"{figures['seconds']:.1f}", f"{figures['data_share']:.0%}", *rest)


def _validated(history: Sequence[dict[str, float]]) -> bool:
    return "val_accuracy" in history[-1]


def clock(seconds: float | None) -> str:
    """Return a time as h:mm:ss."""
    return "unknown" if seconds is None else str(datetime.timedelta(seconds=round(seconds)))
