"""Reads and checks `bundle.json`. Unknown keys are not checked, so newer bundles can be read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from edgecnn.bundle.classifier_file import Layout
from edgecnn.bundle.confidence import Confidence, read_confidence, read_nearness
from edgecnn.bundle.input_spec import Background, Color, Fit, InputSpec, Range, Resize, span
from edgecnn.bundle.manifest.record import COUNT, FORMAT, PATTERN, Facts, Golden, Manifest, Variant
from edgecnn.bundle.scores import SCORES, Scores
from edgecnn.errors import BundleError
from edgecnn.io.checked_json import Field, JsonError, parse_json
from edgecnn.io.printable import printable, printable_text
from edgecnn.io.regular import read_regular

if TYPE_CHECKING:
    from pathlib import Path

# Enough for the golden vectors of 20,000 classes.
MOST_BYTES = 8 << 20
MOST_LABELS, LONGEST_LABEL = 100_000, 500
MOST_VARIANTS = 64
MOST_SIDE = 8192
# Of one model file, as in `edgecnn.tflite.check`.
MOST_FILE_BYTES = 1 << 30
_MOST_COUNT = 10**15
_LONGEST_NAME, _LONGEST_TITLE, _LONGEST_TEXT = 200, 1000, 10_000
_MOST_NAME_BYTES = 255
_MOST_RANGE = 1e6
# A quantized output may reach a little more than 1.
_MOST_PROBABILITY = 2.0
_SHA256 = re.compile(r"[0-9a-f]{64}")


def read_manifest(path: Path) -> Manifest:
    """Read and check a manifest. Raises BundleError, which names the file, the key and what was expected."""
    try:
        return check_manifest(Field("", parse_json(read_regular(path, MOST_BYTES))), path)
    except OSError as error:
        raise BundleError(f"{path} can't be read: {error.strerror}") from error
    except JsonError as error:
        raise BundleError(
            f"{path} is not a bundle manifest: {error}; correct it, or copy the bundle again"
        ) from error


def check_manifest(root: Field, path: Path) -> Manifest:
    """Check a parsed manifest. Raises JsonError, or BundleError for another format."""
    form = root("format")
    if type(form.value) is int and form.value != FORMAT:
        raise BundleError(f"{path}: {form.wrong(str(FORMAT))}: install the edgecnn that wrote it")
    form.integer(FORMAT, FORMAT)
    labels = root("labels").texts(MOST_LABELS, LONGEST_LABEL)
    variants = _variants(root("variants"))
    return Manifest(
        name=_name(root("name")),
        title=_title(root("title")),
        labels=labels,
        input=_input(root("input")),
        variants=variants,
        confidence=_confidence(root.find("confidence"), labels, variants),
        golden=_golden(root.find("golden"), len(labels)),
        facts=_facts(root),
        scores=_scores(root.find("scores")),
        thresholds=_thresholds(root.find("thresholds"), len(labels)),
        output=output.text(_LONGEST_TITLE) if (output := root.find("output")) else None,
        nearness=read_nearness(root.find("confidence")),
        document=root.table(),
    )


def _scores(field: Field | None) -> Scores | None:
    return None if field is None or field.value is None else cast("Scores", field.choice(SCORES))


def _thresholds(field: Field | None, classes: int) -> tuple[float, ...]:
    """Return a multi-label model's thresholds, one a class."""
    if field is None or field.value is None:
        return ()
    return tuple(one.number(0, 1) for one in field.rows(classes))


def _title(field: Field) -> str:
    """Return a text for people in one line, with visible signs for control characters."""
    if type(field.value) is not str or not 1 <= len(field.value) <= _LONGEST_TITLE:
        raise field.wrong(f"a text of 1 to {_LONGEST_TITLE:,} characters")
    return printable(field.value)


def _name(field: Field) -> str:
    name = field.text(_LONGEST_NAME)
    if not _stays_inside(name):
        raise field.wrong("a name without / and \\, at most 255 bytes long")
    return name


def _file(field: Field) -> str:
    name = field.text(_LONGEST_NAME)
    if not _stays_inside(name) or name.startswith("."):
        raise field.wrong("the name of a file in the bundle's folder")
    return name


def _stays_inside(name: str) -> bool:
    """Whether a name can only stand for something inside a folder."""
    taken = {"", ".", ".."}
    return name not in taken and not set("/\\") & set(name) and len(name.encode()) <= _MOST_NAME_BYTES


def _input(field: Field) -> InputSpec:
    ranges = _ranges(field("range"))
    layout, background = field.find("layout"), field.find("background")
    return InputSpec(
        width=field("width").integer(1, MOST_SIDE),
        height=field("height").integer(1, MOST_SIDE),
        color=_one_of(field("color"), Color),
        fit=_one_of(field("fit"), Fit),
        resize=_one_of(field("resize"), Resize),
        value_range=span(ranges),
        layout=_one_of(layout, Layout) if layout else "nhwc",
        channel_ranges=ranges if len(ranges) > 1 else (),
        background=_one_of(background, Background) if background else "white",
    )


def _ranges(field: Field) -> tuple[Range, ...]:
    """Return the values that pixels 0 and 255 become: one pair, or one for each of three channels."""
    by_channel = type(field.value) is list and any(type(part) is list for part in field.value)
    found = []
    for pair in field.rows(3) if by_channel else [field]:
        low, high = pair.numbers(2, _MOST_RANGE)
        if not low < high:
            raise pair.wrong("two numbers, the lower one first")
        found.append((low, high))
    return tuple(found)


def _one_of(field: Field, literal: Any) -> Any:
    return field.choice(cast("tuple[str, ...]", literal.__args__))


def _variants(field: Field) -> dict[str, Variant]:
    found = {}
    for name, entry in field.fields().items():
        _name(Field(f"a name in {field.place}", name))
        found[name] = _variant(name, entry)
    if not 1 <= len(found) <= MOST_VARIANTS:
        raise field.wrong(f"a table of 1 to {MOST_VARIANTS} variants")
    return found


def _variant(name: str, field: Field) -> Variant:
    digest, accuracy = field("sha256"), field.find("accuracy")
    if type(digest.value) is not str or not _SHA256.fullmatch(digest.value):
        raise digest.wrong("64 hexadecimal digits")
    return Variant(
        name=name,
        file=_file(field("file")),
        sha256=digest.value,
        bytes=field("bytes").integer(0, MOST_FILE_BYTES),
        macs=field("macs").integer(0, _MOST_COUNT),
        accuracy=None if accuracy is None or accuracy.value is None else accuracy.number(0, 1),
    )


def _confidence(
    field: Field | None, labels: tuple[str, ...], variants: dict[str, Variant]
) -> dict[str, Confidence]:
    found = read_confidence(field, labels, [v.name for v in variants.values() if not v.compiled])
    # A compiled variant gives the scores of its base, so it shares temperature and threshold.
    return {v.name: found[v.base] for v in variants.values() if v.base in found}


def _golden(field: Field | None, classes: int) -> Golden | None:
    if field is None or field.value is None:
        return None
    inputs, digest, outputs = field("inputs").text(), field("inputs_sha256").text(), field("outputs")
    if inputs != PATTERN:
        return Golden(inputs, digest, {})
    return Golden(
        inputs,
        digest,
        {
            variant: tuple(row.numbers(classes, _MOST_PROBABILITY) for row in rows.rows(COUNT))
            for variant, rows in outputs.fields().items()
        },
    )


def _facts(root: Field) -> Facts:
    data, training = root.find("data"), root.find("training")
    accuracy, robustness = root.find("accuracy"), root.find("robustness")
    seed = training.find("seed") if training else None
    images = accuracy.find("test_pictures") if accuracy else None
    means = robustness.find("mean") if robustness else None
    folds = accuracy.find("folds") if accuracy else None
    return Facts(
        data=_text_of(data, "name"),
        licence=_text_of(data, "licence"),
        trained=any(root.find(made) is not None for made in ("recipe", "learning")),
        seed=seed.integer(0, _MOST_COUNT) if seed else None,
        test_pictures=images.integer(0, _MOST_COUNT) if images else 0,
        interval=_interval(accuracy.find("interval")) if accuracy else None,
        robustness={name: mean.number(0, 1) for name, mean in means.fields().items()} if means else {},
        by_folds=folds is not None and folds.value is not None,
    )


def _interval(field: Field | None) -> tuple[float, float] | None:
    if field is None or field.value is None:
        return None
    low, high = (end.number(0, 1) for end in field.rows(2))
    if low > high:
        raise field.wrong("two numbers, the lower one first")
    return low, high


def _text_of(field: Field | None, key: str) -> str:
    """Return a text for people, of one or more lines, with visible signs for control characters."""
    found = field.find(key) if field else None
    if found is None:
        return ""
    if type(found.value) is not str or len(found.value) > _LONGEST_TEXT:
        raise found.wrong(f"a text of at most {_LONGEST_TEXT:,} characters")
    return printable_text(found.value)
