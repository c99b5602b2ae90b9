"""The results of a run in words, for the terminal and the HTML page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.bench.ratios import Comparison, threads
from edgecnn.engine import measured_engines
from edgecnn.machine.processor import lacks_for_int8
from edgecnn.machine.throttling import describe_throttling
from edgecnn.tflite.arena import arena_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edgecnn.bench.interleaved import Candidate
    from edgecnn.bench.report import BenchResult
    from edgecnn.latency import Ratio

# How many times as fast int8 has to be as float32 to be worth it.
_GAIN = 1.2


def summarize_ratios(result: BenchResult, which: Callable[[Comparison], bool] = lambda _: True) -> list[str]:
    """Return a sentence for each comparison that `which` accepts."""
    lines = []
    for c in filter(which, result.comparisons):
        one, other = c.names
        if c.is_faster or not c.inference.interval:
            words = f"{one} is {c.inference} as fast as {other}"
        elif c.is_slower:
            words = f"{one} is {c.outcome} here: {c.inference} as fast as {other}"
        else:
            words = f"{one} is {c.outcome} here: {c.inference}; a busy machine widens the interval"
        whole = f"whole path {_times(c.total)}"
        if camera := c.ratios.get("camera"):
            whole += f", from a webcam's frame {_times(camera)}"
        lines.append(f"{shared_settings(result, c)}: {words}; {whole}")
    return lines


def _times(ratio: Ratio) -> str:
    return f"{ratio.value:.2f}×" + (f" ({ratio.interval})" if ratio.interval else "")


def shared_settings(result: BenchResult, c: Comparison) -> str:
    """Return what both candidates of a comparison share; the engine where there are several."""
    alike = {"variant": c.one.variant, "engine": c.one.engine, "threads": threads(c.one.threads)}
    if len({each.engine for each in result.candidates}) == 1:
        del alike["engine"]
    alike.pop(c.by, None)
    return ", ".join(alike.values())


def costs(result: BenchResult, c: Candidate) -> dict[str, str]:
    """Return a candidate's other results, apart from latency, as texts by their names."""
    found = {
        "file, KiB": f"{c.file_bytes / 1024:.1f}",
        "activations (planned), KiB": f"{arena_bytes(c.classifier.model.file) / 1024:.1f}",
    }
    if cold := c.cold_start:
        found["peak memory of its own process, MiB"] = f"{cold.peak_memory_mib:.0f}"
        found["cold start to the first label, ms"] = f"{cold.total_ms:.0f}"
        found["  Python and imports, ms"] = f"{cold.python_ms + cold.import_ms:.0f}"
        found["  load, ms"] = f"{cold.load_ms:.1f}"
        found["  first image, ms"] = f"{cold.first_ms:.2f}"
    if c.warm_up:
        found["warm-up runs until stable"] = f"{c.warm_up.runs:,}" if c.warm_up.steady else "never stable"
    if (achieved := c.macs_per_second()) is not None:
        found["GMAC a second"] = f"{achieved / 1e9:.1f}"
    if (share := result.share_of_peak(c)) is not None:
        found["  of the int8 peak"] = f"{share:.0%}"
    if c.energy:
        found["energy of a run, mJ"] = f"{c.energy.mj_per_run:.3f}"
        found["  above the idle machine, mJ"] = f"{c.energy.mj_above_idle:.3f}"
    if known := result.accuracy(c):
        found["top-1"] = f"{known.top1:.2%}"
        if known.agreement is not None:
            found["agreement with float"] = f"{known.agreement:.2%}"
    return found


def notes(result: BenchResult) -> Iterator[str]:
    """Explain the values in the table, and what is fastest here."""
    yield from _int8_here(result)
    if result.fastest:
        yield str(result.fastest)
    for peak in result.peaks.values():
        yield (
            f"int8 peak, {threads(peak.threads)}: {peak.macs_per_second / 1e9:.0f} GMAC a second, the most "
            f"that LiteRT reached here on matrix products ({peak.product}); one inference is "
            f"{result.candidates[0].macs / 1e6:.2f} million MACs"
        )
    if energy := result.energy:
        measured = f"energy by {energy.meter}: idle {energy.idle_w:.2f} W" if energy.meter else ""
        yield measured or f"energy: not measured, {energy.unknown}"
    if known := result.accuracies:
        agreed = f"; agreement with {known.reference}" if known.reference else ""
        yield f"top-1 on {known.data}, {known.pictures:,} images{agreed}"
    yield f"peak memory of this process, with all of them, {result.peak_memory_mib:.0f} MiB"


def _int8_here(result: BenchResult) -> Iterator[str]:
    """Say why int8 gains little over float32, as far as the processor shows it."""
    lacks = lacks_for_int8(result.board.instructions)
    ratios = [c.inference.value for c in result.comparisons if c.names == ("int8", "float32")]
    if not lacks or not ratios or min(ratios) >= _GAIN:
        return
    has = result.board.instructions[-1]
    advice = "" if "openvino" in measured_engines() else "; pip install 'edgecnn[openvino]' may be faster"
    yield (
        f"int8 gains little here: {result.board.cpu} ({has}) has no {lacks}, the instructions that multiply "
        f"and add bytes{advice}; see docs/engines.md"
    )


def machine(result: BenchResult) -> list[str]:
    """Describe the machine and its condition."""
    board, before, after = result.board, result.before, result.after
    state = []
    if board.governor:
        state.append(f"governor {board.governor}")
    if before.clock_mhz and after.clock_mhz:
        state.append(f"{before.clock_mhz:.0f} MHz before, {after.clock_mhz:.0f} after")
    if before.temperature_c is not None and after.temperature_c is not None:
        state.append(f"{before.temperature_c:.0f} °C before, {after.temperature_c:.0f} after")
    if after.throttled is not None:
        now, since = describe_throttling(after.throttled)
        state.append(f"throttled: {', '.join(now) or 'no'}; since it started: {', '.join(since) or 'no'}")
    return [board.summary, *(["; ".join(state)] if state else [])]
