"""One call from photos to a bundle: embed, choose, teach, append, judge, publish."""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from edgecnn.bundle.bundle import bundle_in, read_bundle
from edgecnn.bundle.edgecnn_metadata import embed_metadata
from edgecnn.bundle.manifest.writing import with_accuracies, with_golden, with_sections
from edgecnn.bundle.writer import write_models
from edgecnn.classify import golden
from edgecnn.classify.loader import load
from edgecnn.dataset import data_name, default_name, locate, open_source
from edgecnn.errors import DataError, ImageError, ModelError
from edgecnn.evaluation.interval import wilson
from edgecnn.image.preprocess import Preprocessor
from edgecnn.io.printable import printable
from edgecnn.learning import describe
from edgecnn.learning.append import SCORES, append_head
from edgecnn.learning.crossval import Fold
from edgecnn.learning.curve import enough, learning_curve
from edgecnn.learning.embedder import Embedder
from edgecnn.learning.judge import judge_by_folds, judge_by_test, require_parity
from edgecnn.learning.lesson import learn_lesson
from edgecnn.learning.material import gather
from edgecnn.learning.parity import agreement_by_folds
from edgecnn.learning.photos import Reader
from edgecnn.learning.quantize import quantize
from edgecnn.learning.report import write_report
from edgecnn.learning.sentences import results
from edgecnn.learning.suspects import find_suspects
from edgecnn.learning.trunk import Trunk, TrunkFile, open_trunk
from edgecnn.machine.board import describe_board
from edgecnn.report.publication import claim, page_path, put_in_place
from edgecnn.tflite.builder import GraphBuilder
from edgecnn.tflite.file import read_tflite

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from edgecnn.bundle.bundle import Bundle
    from edgecnn.bundle.output_folder import Draft
    from edgecnn.classify.classifier import Classifier
    from edgecnn.dataset import Source
    from edgecnn.learning.crossval import Choice
    from edgecnn.learning.curve import Point
    from edgecnn.learning.judge import Judgment
    from edgecnn.learning.lesson import Lesson
    from edgecnn.learning.request import Request
    from edgecnn.learning.suspects import Suspects

HINT = "name another folder with --out"
# Photos that set the int8 ranges of a trunk that has none.
_CALIBRATION = 64
# More of them gain little for one small image at a time.
_MOST_THREADS = 4


class Learned(NamedTuple):
    """A model that was learned, and how good it is.

    Attributes
    ----------
    bundle
        The model on disk.
    judged
        Its accuracy on photos that it was not taught, with the 95 % interval, and what it confuses.
    curve
        The accuracy by the number of photos of a class.
    advice
        What more photos would give, as a sentence.
    suspects
        Photos that look mislabelled or doubled, by their places in `photos`.
    photos
        The ids of the photos that it was taught.
    report
        The page with all of it.
    """

    bundle: Bundle
    judged: Judgment
    curve: tuple[Point, ...]
    advice: str
    suspects: Suspects
    photos: tuple[str, ...]
    report: Path

    def __repr__(self) -> str:
        low, high = self.judged.interval
        return printable(
            f"Learned({self.bundle.name}: {self.judged.top1:.1%} right, {low:.0%} to {high:.0%})"
        )


def learn_bundle(data: str | os.PathLike[str], out: Path | None, request: Request) -> Learned:
    """Learn from labelled photos and publish the bundle at `out`.

    Raises
    ------
    DataError
        For photos that can't be learned from.
    ModelError
        For a trunk that can't be used.
    OutputError
        If the bundle can't be written; nothing half-written stays.
    GateError
        Where int8 loses too much against float32.
    """
    started = time.monotonic()
    path = locate(str(data))
    target = (out or Path(default_name(path))).absolute()
    with claim(target, HINT) as held:
        source = open_source(path, request.layout, [target])
        trunk = open_trunk(request.trunk, request.cut, request.given)
        if target.exists():
            request.say(f"the bundle that is at {target} now will be replaced when this one is ready")
        trunk = _in_int8(trunk, source, request)
        with Embedder(trunk, threads=_threads(request)) as embedder:
            material = gather(source, request, Reader(trunk, embedder))
        lesson = learn_lesson(trunk, material, request)
        files = {
            ("float32" if name == "float32" else "int8"): append_head(
                file, lesson.taught, f"learned by edgecnn on {trunk.name}, {name}"
            )
            for name, file in trunk.files.items()
        }
        with held.fill() as draft:
            return _publish(draft, target, path, lesson, files, request, started)


def _publish(
    draft: Draft,
    target: Path,
    data: Path,
    lesson: Lesson,
    files: dict[str, bytes],
    request: Request,
    started: float,
) -> Learned:
    material, folder, name = lesson.material, draft.folder, target.name
    labels, spec, title = material.labels, lesson.trunk.input, data_name(data)
    described = {
        variant: embed_metadata(
            content, spec, labels, title=title, description=f"edgecnn learn, {variant}", licence="not stated"
        )
        for variant, content in files.items()
    }
    manifest = write_models(folder, name, title, labels, spec, described)
    manifest = with_sections(
        manifest,
        output=SCORES,
        scores="probabilities",
        confidence=describe.confidence(material, lesson.rule, files),
    )
    with ExitStack() as opened:
        bare = bundle_in(folder, manifest)
        variants = {v: opened.enter_context(load(bare, v)) for v in files}
        judged = _judge(lesson, variants, request)
        recorded = golden.record(variants)
    curve = curve_of(lesson, judged, request.seed)
    suspects = find_suspects(material.taught, lesson.answers, lesson.rule.temperature)
    manifest = with_accuracies(manifest, describe.accuracies(judged, files))
    sections = describe.sections(lesson, judged, curve, data, request, time.monotonic() - started)
    manifest = with_golden(with_sections(manifest, **sections), recorded)
    draft.manifest = manifest
    advice = enough(curve)
    page = write_report(folder, manifest, lesson, judged, curve, suspects)
    for line in results(lesson, judged, curve, suspects):
        request.say(line)
    put_in_place(draft, target, page, request.say)
    photos = tuple(item.id for item in material.taught.items)
    return Learned(read_bundle(target), judged, tuple(curve), advice, suspects, photos, page_path(target))


def _threads(request: Request) -> int:
    return request.threads or min(describe_board().cores, _MOST_THREADS)


def _judge(lesson: Lesson, variants: dict[str, Classifier], request: Request) -> Judgment:
    verified = None
    if lesson.material.tested is None:
        agreement = agreement_by_folds(lesson, _threads(request))
        judged = judge_by_folds(lesson.material, lesson.answers, lesson.folds, agreement)
    else:
        judged, verified = judge_by_test(lesson.material, variants)
    require_parity(judged, verified, request, variants)
    return judged


def curve_of(lesson: Lesson, judged: Judgment, seed: int) -> list[Point]:
    """Return the learning curve, whose last point is what was measured.

    All intervals count near duplicates, and photos of one group, as one photo.
    """
    material, classes = lesson.material, len(lesson.material.labels)
    photos, known, tested = material.taught, material.known, material.taught
    folds = [Fold(f.taught, f.tested[known[f.tested]]) for f in lesson.folds]
    choices: Sequence[Choice] = lesson.answers.choices
    if material.tested is not None:
        tested = material.tested
        folds = [Fold(np.arange(len(photos)), np.arange(len(tested)))]
        choices = [lesson.choice]
    points = learning_curve(photos, tested, folds, classes, choices, seed, material.background)
    points[-1] = points[-1]._replace(accuracy=judged.top1)
    count = judged.photos if judged.units is None else judged.units
    return [p._replace(low=wilson(p.accuracy, count), high=1 - wilson(1 - p.accuracy, count)) for p in points]


def _in_int8(trunk: Trunk, source: Source, request: Request) -> Trunk:
    """Return a float trunk with an int8 variant, whose ranges the photos themselves set."""
    if trunk.variant != "float32":
        return trunk
    builder, place = GraphBuilder.onto(trunk.main.file.data, trunk.main.place)
    cut = builder.finish(builder.inputs, [place], trunk.name)
    try:
        data = quantize(cut, _inputs(trunk, source), trunk.input.value_range)
    except ModelError as error:
        request.say(f"the model will be float32 alone: {error}")
        return trunk
    file = read_tflite(data, trunk.name)
    return trunk._replace(files={"int8": TrunkFile(file, file.output_places[0]), **trunk.files})


def _inputs(trunk: Trunk, source: Source) -> Iterator[NDArray[np.float32]]:
    """Yield photos of all classes as the trunk's input."""
    prepare = Preprocessor(trunk.input, trunk.main.file.inputs[0])
    items = [item for item in source.items if item.split != "test"]
    order = np.random.default_rng(0).permutation(len(items))[:_CALIBRATION]
    for k in order:
        with suppress(ImageError, DataError):  # reported when all photos are read
            yield np.asarray(prepare(source.read(items[k], 2 * trunk.input.width)), np.float32).copy()
