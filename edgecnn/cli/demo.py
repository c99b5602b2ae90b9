"""`edgecnn demo`: a live run and the benchmark in half a minute, and one summary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from edgecnn.cli.command import command, make_app
from edgecnn.defaults import DEFAULT_MODEL

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from rich.console import Console

    from edgecnn.bench import BenchResult
    from edgecnn.classify.classifier import Classifier
    from edgecnn.live.stats import Summary

app = make_app()

EXAMPLES = ("edgecnn demo", "edgecnn demo --seconds 5")


@command(app, examples=EXAMPLES)
def demo(
    seconds: Annotated[
        float, typer.Option(help="Seconds for the live part.", min=0.1, max=86_400, metavar="S")
    ] = 15.0,
) -> None:
    """Run `edgecnn live --source auto,synthetic`, then a short `edgecnn bench`, and sum up."""
    from edgecnn.bench.candidates import Asked
    from edgecnn.bench.session import run_bench
    from edgecnn.classify.opening import open_classifier
    from edgecnn.cli.bench_print import print_report
    from edgecnn.cli.live_print import print_summary
    from edgecnn.io.printable import open_console
    from edgecnn.live.session import Live, run_live

    console = open_console()
    console.print(f"$ edgecnn live --source auto,synthetic --seconds {seconds:g}", style="bold")

    def load(variant: str, *, strict: bool = False) -> AbstractContextManager[Classifier]:
        return open_classifier(DEFAULT_MODEL, variant, "auto", 1, strict=strict)

    summary = run_live(load, "int8", Live(("auto,synthetic",), seconds=seconds), console)
    print_summary(summary, console)
    console.print("\n$ edgecnn bench", style="bold")
    report = run_bench(
        Asked(DEFAULT_MODEL, blocks=20, camera_runs=0, cold_starts=0, peak=False, energy=False)
    )
    print_report(report, console)
    _sum_up(summary, report, console)


def _sum_up(summary: Summary, report: BenchResult, console: Console) -> None:
    console.print("\nsummary", style="bold")
    rows = [
        ("source", summary.source),
        ("frames", f"{summary.frames:,} ({summary.dropped:,} dropped)"),
        ("frame rate", f"{summary.rate:.1f} a second"),
    ]
    if summary.accuracy is not None:
        rows.append(("labels right", f"{summary.accuracy:.1%} of {summary.known:,}"))
    if summary.unknown:
        rows.append(("unknown", f"{summary.unknown:,}"))
    live = summary.spreads.get("int8", {}).get("inference")
    if live is not None:
        rows.append(("int8 in live", f"p50 {live.p50_ms:.3f} ms, p99 {live.p99_ms:.3f} ms"))
    for candidate in report.candidates:
        spread = candidate.spread("inference")
        latency = f"p50 {spread.p50_ms:.3f} ms, p99 {spread.p99_ms:.3f} ms"
        rows.append((f"{candidate.variant} in bench", latency))
    comparison = report.comparisons[0]
    ratio = comparison.inference
    words = "" if comparison.is_faster else f"; int8 is {comparison.outcome} here"
    if not comparison.inference.interval:
        words = "; not exact, since the machine was not quiet"
    rows.append(
        ("float32 / int8", f"{ratio.value:.2f}×{f' ({ratio.interval})' if ratio.interval else ''}{words}")
    )
    for name, value in rows:
        console.print(f"  {name:<18}{value}", soft_wrap=True)
    console.print("  (inference alone; bench runs it without pause, live once a frame on a colder processor)")
