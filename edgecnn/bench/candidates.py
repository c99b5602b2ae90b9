"""What a run of `edgecnn bench` measures, and the candidates that it opens."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from edgecnn.classify.opening import open_classifier
from edgecnn.defaults import DEFAULT_MODEL
from edgecnn.errors import OptionError
from edgecnn.io.quiet import say

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import ExitStack

    from edgecnn.bench import Candidate
    from edgecnn.bench.cold_start import Opening
    from edgecnn.bundle.bundle import Bundle
    from edgecnn.bundle.input_spec import Given
    from edgecnn.classify.classifier import Classifier
    from edgecnn.dataset import LayoutName

ALL = "all"
USUAL = "int8"


@dataclass(frozen=True, slots=True)
class Asked:
    """What to measure: every variant on every engine with every number of threads.

    Attributes
    ----------
    variant, against
        The variant to judge, None for int8 or the only one, and the variants, or other `.tflite` files, that
        it is compared with; None for float32, or for nothing where there is no other.
    source
        Where the frames come from; None for the synthetic ones.
    blocks
        The number of blocks of each candidate.
    camera_runs
        How many frames of a block start as JPEG files, in addition to those that are images.
    seed
        Random seed of the order.
    cold_starts
        The number of processes to start for each candidate; 0 for none.
    peak
        Whether to measure the processor's int8 peak.
    energy
        Whether to measure energy where the machine reports it.
    ops
        Whether to list the cost of that variant's operators.
    compare
        The JSON of an older run to compare with.
    data, split, limit, layout
        Labelled images to measure accuracy on; see `edgecnn evaluate`.
    """

    model: str = DEFAULT_MODEL
    variant: str | None = None
    against: tuple[str, ...] | None = None
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
    split: str | None = None
    limit: int | None = None
    layout: LayoutName = "auto"


@dataclass(frozen=True, slots=True)
class _Named:
    """One variant: the model that has it, its name there, and what was given about it."""

    model: str
    variant: str
    given: Given = field(repr=False)


def open_candidates(stack: ExitStack, asked: Asked) -> tuple[list[Opening], list[Candidate]]:
    """Open every variant on every engine with every number of threads; return also how each was opened."""
    from edgecnn.bench.cold_start import Opening

    variants = _variants(asked)
    openings: list[Opening] = []
    found: list[Candidate] = []
    for engine in asked.engines:
        measured: set[int] = set()
        for asked_threads in asked.threads:
            threads: int | Literal["auto"] = asked_threads
            for v in variants:
                opened = open_classifier(v.model, v.variant, engine, threads, v.given)
                classifier = stack.enter_context(opened)
                # The threads that `auto` found for the first one apply to all: the models are compared.
                threads = classifier.threads
                if v is variants[0] and threads in measured:
                    break
                measured.add(threads)
                openings.append(Opening(v.model, v.variant, engine, threads, v.given, classifier.engine.name))
                found.append(_enter(classifier, v, engine, asked.engines, found))
    return openings, found


def _enter(
    classifier: Classifier, v: _Named, engine: str, engines: Sequence[str], others: Sequence[Candidate]
) -> Candidate:
    """Return the candidate under a name that no other has. Raises OptionError for an engine named twice."""
    from edgecnn.bench import Candidate

    # Two engines with other options, such as fake ones, are told apart by these.
    candidate = Candidate.of(classifier, engine if ":" in engine and len(engines) > 1 else None)

    def alike() -> Candidate | None:
        key = candidate.variant, candidate.engine, candidate.threads
        return next((c for c in others if (c.variant, c.engine, c.threads) == key), None)

    if (twin := alike()) and twin.sha256 != candidate.sha256:
        candidate.variant = f"{v.model} ({classifier.model.variant})"
    if alike():
        raise OptionError(
            f"{candidate.variant} on {candidate.engine} with {candidate.threads} threads is named twice "
            f"(the last time by --engine {engine}): leave one of them out"
        )
    return candidate


def _variants(asked: Asked) -> list[_Named]:
    """Return the variant to judge, then the others. Raises OptionError."""
    from edgecnn.bundle.bundle import find, read_bundle
    from edgecnn.bundle.input_spec import Given

    given = asked.given or Given()
    path = find(asked.model)
    bare = not path.is_dir()
    there = None if bare else read_bundle(path)
    variant = asked.variant or (there.default_variant() if there else USUAL)
    names = _usual(there, variant) if asked.against is None else list(asked.against)
    files = [name for name in names if name.endswith(".tflite")]
    # A bundle states its own input; the given options apply to the files that it is compared with.
    named = Given(given.labels) if files else given
    if bare and len(files) < len(names):
        raise OptionError(
            f"{asked.model} is a single file: name the model to compare it with, --against FILE.tflite"
        )
    if there is not None:
        for name in names:
            if name not in (ALL, *files, *there.variants):
                raise OptionError(
                    f"--against {name}: {there.name} has no such variant; it has {', '.join(there.variants)}"
                )
        if ALL in names:
            names = [*(v for v in there.portable if v != variant), *files]
    if variant in names:
        raise OptionError(f"--against {variant} is the variant itself: name another one, or a .tflite file")
    own = _Named(asked.model, variant, given if bare else named)
    if there and not names and asked.against is None:
        other = "--against OTHER.tflite compares it with another model"
        say(f"{there.name} has no other variant than {variant}, so nothing is compared; {other}")
    # A bare file has one variant, which may not be called `float32`.
    return [
        own,
        *(
            _Named(name, USUAL, given) if name.endswith(".tflite") else _Named(asked.model, name, named)
            for name in names
        ),
    ]


def _usual(bundle: Bundle | None, variant: str) -> list[str]:
    """Return what a variant is compared with by default: float32, else int8, where there is one."""
    there = bundle.portable if bundle else ()
    return [name for name in ("float32", USUAL) if name in there and name != variant][:1]
