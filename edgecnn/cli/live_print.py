"""What `edgecnn live` and `edgecnn demo` print at the end of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.errors import OutputError

if TYPE_CHECKING:
    from rich.console import Console

    from edgecnn.live.stats import Summary


def print_summary(summary: Summary, console: Console) -> None:
    """Print the summary of a run. Raises OutputError if a file was not written."""
    console.print(", ".join(_counts(summary)), soft_wrap=True)
    _print_smoothed(summary, console)
    for one in summary.cameras:
        console.print(f"  {one.source}: {', '.join(_counts(one))}", soft_wrap=True)
        _print_smoothed(one, console, "  ")
    for variant, spreads in summary.spreads.items():
        if len(summary.spreads) > 1:
            console.print(f"  {variant}")
        for stage, spread in spreads.items():
            console.print(f"  {stage:<10}  p50 {spread.p50_ms:9.3f} ms   p99 {spread.p99_ms:9.3f} ms")
    if summary.failures:
        raise OutputError("; ".join(summary.failures))


def _print_smoothed(summary: Summary, console: Console, indent: str = "") -> None:
    if summary.smoothed:
        words = f"{_changes(summary.steady_changes)}{_following(summary)}"
        console.print(f"{indent}  smoothed: {words}", soft_wrap=True)


def _counts(summary: Summary) -> list[str]:
    """Return the counts of the run, one phrase each."""
    counted = [f"{summary.frames:,} frames in {summary.seconds:.1f} s", f"{summary.rate:.1f} a second"]
    counted.append(f"{summary.dropped:,} dropped")
    if summary.accuracy is not None:
        counted.append(f"{summary.accuracy:.1%} of {summary.known:,} labels right")
    if summary.unknown:
        counted.append(f"{summary.unknown:,} unknown")
    if summary.restarts:
        counted.append(f"{summary.restarts:,} lost to a restart of the engine")
    if summary.unanswered:
        counted.append(f"{summary.unanswered:,} answered with NaN or infinity")
    if summary.smoothed:
        counted.append(_changes(summary.changes))
    return counted


def _following(summary: Summary) -> str:
    """Describe how smoothed labels follow the true ones, "" if these are not known."""
    f = summary.following
    if not summary.known:
        return ""
    missed = f"{f.missed:,} ended before that" if f.missed else ""
    return "; ".join(filter(None, (f" (the true label: {f.true_changes:,})", f.words, missed)))


def _changes(count: int) -> str:
    return f"{count:,} change{'s' * (count != 1)} of label"
