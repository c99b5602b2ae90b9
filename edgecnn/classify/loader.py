"""Opens a classifier: the model, tried in a child process where it is new, its engine, and golden vectors.

`load` is the public API.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from edgecnn.bundle.bundle import COMPILED, open_model
from edgecnn.bundle.input_spec import Given
from edgecnn.bundle.scores import ASK_FOR_SCORES, scores_notice, scores_of_outputs
from edgecnn.bundle.usage import remember_scores, remembered_scores
from edgecnn.classify.classifier import Classifier
from edgecnn.classify.verdict import check_threshold
from edgecnn.defaults import DEFAULT_MODEL
from edgecnn.engine import REFERENCE, engine_version, is_compared, may_crash, open_engine
from edgecnn.errors import AnswerError, BundleError, ModelError
from edgecnn.io.cache import Cache
from edgecnn.machine.processor import describe_processor

if TYPE_CHECKING:
    import os

    from edgecnn.bundle.bundle import Bundle, Model
    from edgecnn.bundle.input_spec import Color, Fit, Range
    from edgecnn.bundle.scores import Scores
    from edgecnn.engine import Engine


def load(  # noqa: PLR0913 - each is an option of its own
    name_or_path: str | os.PathLike[str] | Bundle = DEFAULT_MODEL,
    variant: str | None = None,
    engine: str = "auto",
    threads: int | Literal["auto"] = 1,
    *,
    labels: str | os.PathLike[str] | None = None,
    value_range: Range | tuple[Range, ...] | None = None,
    fit: Fit | None = None,
    color: Color | None = None,
    scores: Scores | None = None,
    output: str | None = None,
    input_size: tuple[int, int] | None = None,
    threshold: float | None = None,
    deadline_ms: float | None = None,
    strict: bool = False,
) -> Classifier:
    """Load a model and make it ready to classify.

    A bare file that this machine has not seen is opened in a child process first, and the answers of a bundle
    that has not run on it are compared with its golden vectors. `Classifier.notices` has the warnings.

    Parameters
    ----------
    name_or_path
        A bundle's name (`digits`), a bundle's folder, a bare `.tflite` file, or a `Bundle`.
    variant
        Which of a bundle's variants; int8 for None, or the only one. A bare file is what it is.
    engine
        `auto`, or a name from `edgecnn.engine.ENGINES` with its options.
    threads
        How many threads the engine may use; `auto` for the fastest number, measured once.
    labels
        A file of labels, for a bare file without labels inside.
    value_range
        What pixels 0 and 255 become, for a bare float model whose file does not say; one pair, or one for
        each channel.
    fit, color
        How a bare file's images are fitted and colored; stretched and RGB for None. See `InputSpec`.
    scores
        What the output's numbers are: `probabilities`, `logits` or `multi-label`, an independent probability
        of each class; None for what the model declares.
    output
        The name or number of the output that has the scores, for a bare file with several.
    input_size
        Width and height of its images, for a bare file that leaves them open.
    threshold
        The score below which the answer is unknown, 0 to 1: 0 for never, None for the bundle's own. A bare
        file has none. For a multi-label model, the score that every class takes to be found: 0.5 for None,
        where its bundle has no other.
    deadline_ms
        How long an inference may take; see `open_engine`.
    strict
        Whether a bundle that answers differently from where it was published is an error, not a notice.

    Raises
    ------
    ModelError, LabelsError, EngineError, OptionError
        Each with one clear line.
    """
    check_threshold(threshold)
    size = None if input_size is None else (input_size[0], input_size[1])
    given = Given(labels, value_range, fit, color, scores, output, size)
    model = open_model(name_or_path, variant, given)
    variant = variant or model.variant
    either = engine == "auto" and model.bundle is not None and variant.endswith(COMPILED)
    if either:
        # `auto` takes the compiled form where there is a device, else the file that it was made from.
        model = open_model(name_or_path, variant.removesuffix(COMPILED), given)
    apart = deadline_ms is not None
    if model.bundle is None and not apart and not model.file.edge_tpu and may_crash(engine):
        from edgecnn.engine.probe import require_sound

        require_sound(model, engine, 1)
    notices = list(model.notices)
    if threads == "auto":
        from edgecnn.engine.threads import best_threads

        best = best_threads(model, engine)
        threads = best.count
        notices.append(str(best))
    opened = open_engine(engine, model, threads, deadline_ms)
    if either and opened.name != "edgetpu":
        reason = "; ".join(opened.passed_over[:1])
        notices.append(f"{model.name} {variant} runs as {model.variant} on {opened.name}: {reason}")
    if opened.warning:
        notices.append(opened.warning)
    try:
        model, found = _settle(model, opened)
        notices += found
        model = _readable(model, opened, notices)
        classifier = Classifier(model, opened, threads, threshold, tuple(notices))
        if is_compared(engine):
            from edgecnn.classify.agreement import require_agreement

            require_agreement(model, engine, apart=apart)
        if model.bundle is not None and (strict or not apart):
            differs = _still_answers(classifier, engine, deadline_ms)
            if differs and strict:
                raise BundleError(differs[0])
            classifier.notices += differs
    except BaseException:
        opened.close()
        raise
    return classifier


def _settle(model: Model, engine: Engine) -> tuple[Model, list[str]]:
    """Find the layout of outputs from the answers to generated inputs, where the graph does not show it.

    Returns the model with its layout, and notices. The result is cached by the hash of the file. Raises
    ModelError where the answers do not show it either.
    """
    if model.scores is not None:
        return model, []
    if engine.name.startswith("fake"):
        return model._replace(scores="probabilities"), []
    from edgecnn.classify.golden import try_outputs

    found = remembered_scores(model.file)
    if found is None:
        found = scores_of_outputs(try_outputs(model, engine), model.file.outputs[0].scale)
        remember_scores(model.file, found)
    if found.scores is None:
        raise ModelError(f"{model.name} does not show what its scores are: {found.reason}; {ASK_FOR_SCORES}")
    return model._replace(scores=found.scores), [f"{model.name}: {scores_notice(found)}"]


def _readable(model: Model, engine: Engine, notices: list[str]) -> Model:
    """Return the model, without its nearness if the engine can't give it; a notice says so then."""
    if model.nearness is None or engine.reads:
        return model
    notices.append(
        f"{model.name} on {engine.name}: that engine gives the scores and not the nearness, so scores alone "
        "decide what is unknown; --engine litert gives both"
    )
    return model.without_nearness()


def _still_answers(classifier: Classifier, spec: str, deadline_ms: float | None) -> tuple[str, ...]:
    """Compare a bundle with its golden vectors where it has not run here before; say where it differs.

    They are LiteRT's, from which an engine with kernels of its own may be two steps away: then LiteRT is
    compared.
    """
    model, name, version = classifier.model, classifier.engine.name, classifier.engine.version
    compared = is_compared(spec)
    if compared:
        name, version = REFERENCE, engine_version(REFERENCE)
    recorded = model.bundle.golden if model.bundle else None
    if name == "fake" or recorded is None:
        return ()
    expected = recorded._replace(outputs={model.variant: recorded.outputs.get(model.variant, ())})
    digest = hashlib.sha256(model.data + json.dumps(expected).encode())
    key = f"{digest.hexdigest()} {name} {version} {describe_processor()}"
    cache = Cache("golden")
    known = _remembered(cache.get(key))
    if known is None:
        from edgecnn.classify import golden  # once on each machine

        try:
            if compared:
                with open_engine(REFERENCE, model, 1, deadline_ms) as reference:
                    found = golden.check(Classifier(model, reference, 1))
            else:
                found = golden.check(classifier)
            known = _Agreement(found.agrees, round(found.largest_difference, 6))
        except AnswerError:
            known = _Agreement(agrees=False, largest_difference=None)
        except BundleError:
            return ()  # `models verify` says so
        cache.put(key, known._asdict())
    if known.agrees:
        return ()
    how = f"scores differ by up to {known.largest_difference}"
    if known.largest_difference is None:
        how = "it answers NaN or infinity"
    return (
        f"{model.name} {model.variant} does not answer here as where it was published: {how} on its golden "
        f"inputs, with {name} {version}; see `edgecnn models verify {model.name}`",
    )


class _Agreement(NamedTuple):
    """The cached result for golden vectors; a `largest_difference` of None stands for NaN or infinity."""

    agrees: bool
    largest_difference: float | None


def _remembered(kept: dict[str, Any] | None) -> _Agreement | None:
    """Return a cached result as this program writes it; None for anything else, which is computed again."""
    match kept:
        case {"agrees": bool(agrees), "largest_difference": float(largest)} if 0 <= largest < math.inf:
            return _Agreement(agrees, largest)
        case {"agrees": False, "largest_difference": None}:
            return _Agreement(agrees=False, largest_difference=None)
    return None
