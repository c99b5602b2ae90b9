"""Runs what `edgecnn bench` was asked for: opens the contestants, measures them, and works out the rest."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from edgecnn import DEFAULT_MODEL
from edgecnn.cli.options import open_classifier, parse_threads
from edgecnn.errors import BenchError, OptionError
from edgecnn.quiet import say

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edgecnn.bench import Contestant, Frames, Report
    from edgecnn.bench.accuracy import Knowledge
    from edgecnn.bench.operators import Operators
    from edgecnn.cli.options import Split
    from edgecnn.cold_start import Opening
    from edgecnn.convention import Given
    from edgecnn.energy import Energy
    from edgecnn.peak import Peak

ALL = "all"


@dataclass(frozen=True, slots=True)
class Asked:
    """What to measure: every variant on every engine with every number of threads.

    Attributes
    ----------
    variant, against
        The variant that is judged, and those, or other `.tflite` files, that it is held against.
    source
        Where the frames come from; None for the synthetic ones.
    blocks
        How many turns each contestant has.
    camera_runs
        How many frames of a turn begin compressed, beside those that are pictures already.
    seed
        Decides the order of the turns.
    cold_starts
        How often a process is started for each contestant; 0 for not at all.
    peak
        Whether to measure what the processor can do at most.
    energy
        Whether to measure energy where the machine tells it.
    ops
        Whether to tell where the work of the variant that is judged is.
    compare
        The JSON of an older run to hold this one against.
    data, split, limit
        Labelled pictures to measure accuracy on; see `edgecnn evaluate`.
    """

    model: str = DEFAULT_MODEL
    variant: str = "int8"
    against: tuple[str, ...] = ("float32",)
    engines: tuple[str, ...] = ("auto",)
    threads: tuple[int | Literal["auto"], ...] = (1,)
    given: Given | None = None
    source: str | None = None
    blocks: int = 40
    camera_runs: int = 5
    seed: int = 0
    cold_starts: int = 3
    peak: bool = True
    energy: bool = True
    ops: bool = False
    compare: str | None = None
    data: str | None = None
    split: Split | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class _Named:
    """One variant: the model that has it, its name there, and what was given about it."""

    model: str
    variant: str
    given: Given = field(repr=False)


def run_bench(asked: Asked) -> Report:
    """Open all contestants, measure them in turn, and compare them."""
    from edgecnn.bench import Frames, measure, report
    from edgecnn.bench.changes import find_changes, read_run

    old = read_run(asked.compare) if asked.compare else None
    frames = Frames.read(asked.source) if asked.source else Frames.synthetic()
    with ExitStack() as stack:
        openings, contestants = open_contestants(stack, asked)
        judge = _judge(asked, contestants) if asked.data else None
        conditions = measure(
            contestants, blocks=asked.blocks, camera_runs=asked.camera_runs, seed=asked.seed, frames=frames
        )
        if asked.cold_starts:
            _start_cold(openings, contestants, asked.cold_starts)
        found = report(
            contestants[0].classifier.model.name,
            contestants,
            conditions,
            frames.about,
            asked.seed,
            peaks=_peaks(contestants) if asked.peak else {},
            knowledge=judge and judge(),
            energy=_energy(contestants, frames) if asked.energy else None,
            operators=_operators(contestants[0]) if asked.ops else None,
        )
        return replace(found, changes=find_changes(old, found)) if old else found


def _energy(contestants: Sequence[Contestant], frames: Frames) -> Energy:
    """Measure what each contestant takes, where the machine tells; else say why it does not."""
    from edgecnn.energy import Energy, find_meter, measure_energy

    def work(contestant: Contestant) -> Callable[[], object]:
        run = contestant.runner(frames)

        def work_once() -> None:
            contestant.take_threads()
            run()

        return work_once

    try:
        meter = find_meter()
        uses = measure_energy(meter, [work(c) for c in contestants])
    except BenchError as error:
        return Energy(None, None, str(error))
    for contestant, use in zip(contestants, uses, strict=True):
        contestant.energy = use
    return Energy(meter.name, uses[0].idle_w)


def _operators(contestant: Contestant) -> Operators:
    """Return where a contestant's work is, with times where a tool on the PATH tells them."""
    from edgecnn.bench.operators import operators, with_times
    from edgecnn.benchmark_model import time_operators

    model = contestant.classifier.model
    found = operators(contestant.variant, model.file)
    try:
        return with_times(found, time_operators(model.data, contestant.threads))
    except BenchError as error:
        return replace(found, untimed=str(error))


def _start_cold(openings: Sequence[Opening], contestants: Sequence[Contestant], repeats: int) -> None:
    """Measure each one's cold start; where that fails, say so, and keep what was measured before."""
    from edgecnn.cold_start import start_cold

    try:
        for contestant, found in zip(contestants, start_cold(openings, repeats), strict=True):
            contestant.cold_start = found
    except BenchError as error:
        say(str(error))


def _peaks(contestants: Sequence[Contestant]) -> dict[int, Peak]:
    """Return the processor's peak for each number of threads with which it computed."""
    from edgecnn.peak import measure_peak

    counts = dict.fromkeys(c.threads for c in contestants if c.macs_per_second() is not None)
    return {count: measure_peak(count) for count in counts}


def _judge(asked: Asked, contestants: Sequence[Contestant]) -> Callable[[], Knowledge]:
    """Open the data, check that their labels fit, and return what measures the contestants on them."""
    from edgecnn.bench.accuracy import judged, knowledge
    from edgecnn.cli.evaluate import evaluate_on, open_data
    from edgecnn.evaluate import match_labels

    classifiers = judged(contestants)
    name, source = open_data(asked.data or "")
    first = contestants[0].classifier.model
    match_labels(source.labels, first.labels, first.name, name)
    return lambda: knowledge(
        evaluate_on(classifiers, name, source, False, asked.split, asked.limit), classifiers
    )


def open_contestants(stack: ExitStack, asked: Asked) -> tuple[list[Opening], list[Contestant]]:
    """Open every variant on every engine with every number of threads; return also how each was opened."""
    from edgecnn.bench import Contestant
    from edgecnn.cold_start import Opening

    variants = _variants(asked)
    openings: list[Opening] = []
    found: list[Contestant] = []
    for engine in asked.engines:
        measured: set[int] = set()
        for asked_threads in asked.threads:
            threads: int | Literal["auto"] = asked_threads
            for v in variants:
                opened = open_classifier(v.model, v.variant, engine, threads, v.given)
                classifier = stack.enter_context(opened)
                # What `auto` found for the first one holds for all: the comparison is of the models.
                threads = classifier.threads
                if v is variants[0] and threads in measured:
                    break
                measured.add(threads)
                openings.append(Opening(v.model, v.variant, engine, threads, v.given))
                # Two with other options, such as fake ones, are told apart by these.
                name = engine if ":" in engine and len(asked.engines) > 1 else None
                found.append(Contestant.of(classifier, name))
    return openings, found


def _variants(asked: Asked) -> list[_Named]:
    """Return the one that is judged, then the others. Raises OptionError."""
    from edgecnn.bundle import find, read_bundle
    from edgecnn.convention import Given

    given = asked.given or Given()
    named = Given(given.labels)  # a bundle says the rest by itself
    path = find(asked.model)
    bare = not path.is_dir()
    names = list(dict.fromkeys(asked.against))
    if ALL in names and not bare:
        others = [v for v in read_bundle(path).portable if v != asked.variant]
        names = [*others, *(name for name in names if name.endswith(".tflite"))]
    if asked.variant in names:
        raise OptionError(
            f"--against {asked.variant} is the variant itself: name another one, or a .tflite file"
        )
    if bare and not all(name.endswith(".tflite") for name in names):
        raise OptionError(
            f"{asked.model} is a single file: name the model to hold it against, --against FILE.tflite"
        )
    own = _Named(asked.model, asked.variant, given if bare else named)
    # A bare file is its own only variant, which `float32` would contradict.
    return [
        own,
        *(
            _Named(name, "int8", given) if name.endswith(".tflite") else _Named(asked.model, name, named)
            for name in names
        ),
    ]


def parse_counts(text: str) -> tuple[int | Literal["auto"], ...]:
    """Read `1,2`. Raises OptionError."""
    return tuple(dict.fromkeys(parse_threads(part) for part in text.split(",")))


def parse_names(text: str, option: str) -> tuple[str, ...]:
    """Read `float32,float16`. Raises OptionError."""
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    if not all(names):
        raise OptionError(f"{option} is {text!r}, expected names with commas between them")
    return names


def parse_engines(text: str) -> tuple[str, ...]:
    """Read `litert,fake:delay_ms=5,jitter_ms=1`; a comma before `key=` separates nothing."""
    from edgecnn.camera import split_sources

    names = tuple(dict.fromkeys(split_sources(text)))
    if not names:
        raise OptionError("--engine is empty: name one, or leave it out")
    return names
