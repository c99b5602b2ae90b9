"""A run of `edgecnn bench`: opens the candidates, measures them interleaved, and compares them."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.bench.candidates import Asked, open_candidates
from edgecnn.defaults import AUTO
from edgecnn.errors import BenchError, EngineError
from edgecnn.io.printable import open_console
from edgecnn.io.quiet import say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from edgecnn.bench import BenchResult, Candidate, Frames
    from edgecnn.bench.accuracy import Accuracies
    from edgecnn.bench.cold_start import Opening
    from edgecnn.bench.operators import Operators
    from edgecnn.bench.peak import Peak
    from edgecnn.classify.fastest import Fastest
    from edgecnn.machine.energy import Energy

# The least time of the usual number of blocks.
USUAL_BLOCKS, SPREAD_S = 40, 5.0


def run_bench(asked: Asked) -> BenchResult:
    """Open all candidates, measure them interleaved, and compare them."""
    from edgecnn.bench import Frames, measure
    from edgecnn.bench.changes import find_changes, read_run, require_shared
    from edgecnn.bench.report import report

    old = read_run(asked.compare) if asked.compare else None
    frames = Frames.read(asked.source) if asked.source else Frames.synthetic()
    with ExitStack() as stack:
        openings, candidates = open_candidates(stack, asked)
        if old:
            require_shared(old, candidates)
        evaluate = _evaluate(asked, candidates) if asked.data else None
        with _progress(asked.blocks) as done:
            conditions = measure(
                candidates,
                blocks=asked.blocks,
                camera_runs=asked.camera_runs,
                seed=asked.seed,
                frames=frames,
                spread_s=SPREAD_S * asked.blocks / USUAL_BLOCKS,
                progress=done,
            )
        if asked.cold_starts:
            _start_cold(openings, candidates, asked.cold_starts)
        found = report(
            candidates[0].classifier.model.name,
            candidates,
            conditions,
            frames.about,
            asked.seed,
            peaks=_peaks(candidates) if asked.peak else {},
            accuracies=evaluate and evaluate(),
            energy=take_energy(candidates, frames) if asked.energy else None,
            operators=_operators(candidates[0]) if asked.ops else None,
            fastest=_fastest(asked),
        )
        return replace(found, changes=find_changes(old, found)) if old else found


def _fastest(asked: Asked) -> Fastest | None:
    """Measure what `live` takes here, unless engines are named."""
    if asked.engines != (AUTO,):
        return None
    from edgecnn.classify.fastest import find_fastest

    return find_fastest(asked.model, None, AUTO, asked.threads[0], asked.given)


def take_energy(
    candidates: Sequence[Candidate], frames: Frames, root: Path = Path("/"), vcgencmd: str | None = None
) -> Energy:
    """Measure each candidate's energy, where the machine reports it; else return the reason.

    `root` and `vcgencmd` are those of `find_meter`.
    """
    from edgecnn.machine.energy import Energy, find_meter, measure_energy

    def work(candidate: Candidate) -> Callable[[], object]:
        run = candidate.runner(frames)

        def work_once() -> None:
            candidate.set_opencv_threads()
            run()

        return work_once

    try:
        meter = find_meter(root, vcgencmd)
        uses = measure_energy(meter, [work(c) for c in candidates])
    except BenchError as error:
        return Energy(None, None, str(error))
    for candidate, use in zip(candidates, uses, strict=True):
        candidate.energy = use
    return Energy(meter.name, uses[0].idle_w)


def _operators(candidate: Candidate) -> Operators:
    """Return a candidate's operators, with times where a tool on the PATH reports them."""
    from edgecnn.bench.benchmark_model import time_operators
    from edgecnn.bench.operators import operators, with_times

    model = candidate.classifier.model
    found = operators(candidate.variant, model.file)
    try:
        return with_times(found, time_operators(model.data, candidate.threads))
    except BenchError as error:
        return replace(found, untimed=str(error))


@contextmanager
def _progress(blocks: int) -> Iterator[Callable[[int], None]]:
    """Show a bar in a terminal, drawn between blocks and never by a thread during the measurement."""
    from rich.progress import Progress, TimeRemainingColumn

    columns = (*Progress.get_default_columns()[:2], TimeRemainingColumn())
    console = open_console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, auto_refresh=False, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("measuring", total=blocks)
        bar.refresh()

        def show(done: int) -> None:
            bar.update(task, completed=done, refresh=True)

        yield show


def _start_cold(openings: Sequence[Opening], candidates: Sequence[Candidate], repeats: int) -> None:
    """Measure each candidate's cold start; where that fails, print it and keep earlier results."""
    from edgecnn.bench.cold_start import start_cold

    try:
        for candidate, found in zip(candidates, start_cold(openings, repeats), strict=True):
            candidate.cold_start = found
    except BenchError as error:
        say(str(error))


def _peaks(candidates: Sequence[Candidate]) -> dict[int, Peak]:
    """Return the processor's int8 peak for each number of threads of CPU candidates."""
    from edgecnn.bench.peak import measure_peak

    counts = dict.fromkeys(c.threads for c in candidates if c.macs_per_second() is not None)
    try:
        return {count: measure_peak(count) for count in counts}
    except EngineError as error:
        say(str(error))
        return {}


def _evaluate(asked: Asked, candidates: Sequence[Candidate]) -> Callable[[], Accuracies]:
    """Open the data, check their labels, and return a function that evaluates the candidates."""
    from edgecnn.bench.accuracy import accuracies_of, classifiers_by_variant
    from edgecnn.evaluation.evaluate import match_labels
    from edgecnn.evaluation.session import evaluate_on, open_data

    classifiers = classifiers_by_variant(candidates)
    name, source = open_data(asked.data or "", asked.layout)
    first = candidates[0].classifier.model
    match_labels(source.labels, first.labels, first.name, name)
    return lambda: accuracies_of(
        evaluate_on(classifiers, name, source, False, asked.split, asked.limit), classifiers
    )
