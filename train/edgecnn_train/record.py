"""The sections that a training adds to a bundle's manifest, as types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from edgecnn.bundle.manifest import Manifest


class _Section(BaseModel):
    """A table of the manifest. Keys that it does not name are kept."""

    model_config = ConfigDict(frozen=True, extra="allow")


class FoldsRecord(_Section):
    """int8's top-1 by fold, where folds measured a network that has learned from all images."""

    top1: tuple[float, ...]
    epochs: tuple[int, ...]
    pictures: int
    mean: float
    deviation: float


class AccuracyRecord(_Section):
    """Accuracy on the test split: shares from 0 to 1, `drop_points` in percentage points."""

    test_pictures: int
    agreement: float
    drop_points: float
    float_tensors: int
    synthetic: float | None
    synthetic_frames: int
    folds: FoldsRecord | None = None


class DataRecord(_Section):
    """The dataset; `sha256` is None where a fingerprint would prove that a protected image was in it."""

    name: str
    licence: str
    sha256: str | None
    skipped: int


class SplitSizes(_Section):
    """The number of images in each split."""

    train: int
    validation: int
    test: int


class CalibrationRecord(_Section):
    """The images that set the int8 ranges: how many, the file with their ids, and the digest of these."""

    count: int
    ids: str
    ids_sha256: str


class PrivateRecord(_Section):
    """The guarantee of a private run; see `edgecnn_train.accounting.Spent`."""

    epsilon: float
    delta: float
    noise_multiplier: float
    clip_norm: float
    sampling: float
    updates: int
    accountant: str


class TrainingRecord(_Section):
    """A training: what it takes to repeat it, in addition to the recipe. `best_epoch` counts from 1."""

    seed: int
    epochs: int
    best_epoch: int
    pictures: SplitSizes
    calibration: CalibrationRecord
    private: PrivateRecord | None = None
    seconds: float
    machine: str
    versions: dict[str, str]


class AskedThreshold(_Section):
    """The threshold that the stated rate would have needed, and the share of validation images it rejects."""

    threshold: float
    validation_false_reject: float


class CalibrationError(_Section):
    """The expected calibration error of one split, before and after the temperature."""

    before: float
    after: float


class VariantConfidence(_Section):
    """One variant's temperature and threshold; see `edgecnn_train.confidence.CalibratedVariant`."""

    temperature: float
    threshold: float
    false_accept: float
    false_reject: float
    capped: bool
    asked: AskedThreshold
    ece: dict[str, CalibrationError]


class UnknownRecord(_Section):
    """What the threshold was chosen on; see `edgecnn_train.confidence.Calibrated`."""

    false_accept: float
    max_false_reject: float
    negatives: str
    count: int
    background: str | None
    generated_test_pictures: int


class ConfidenceRecord(_Section):
    """Temperatures and thresholds by variant, and what they were chosen on."""

    variants: dict[str, VariantConfidence]
    unknown: UnknownRecord


class QuantizationRecord(_Section):
    """How int8 came about: the method, a second calibration, operators that leave the Edge TPU."""

    method: str
    second_calibration: dict[str, Any] | None
    edge_tpu: tuple[str, ...]


class CostRecord(_Section):
    """Parameters, multiplications, and by variant memory and latency percentiles of each stage in ms."""

    parameters: int
    macs: int
    arena_bytes: dict[str, int]
    latency_ms: dict[str, dict[str, dict[str, float]]]
    machine: str


class RobustnessRecord(_Section):
    """Top-1 by corruption, variant and strength on `pictures` test images; `mean` is of the standard ones."""

    pictures: int
    mean: dict[str, float]
    standard: dict[str, dict[str, tuple[float, ...]]]
    extra: dict[str, dict[str, tuple[float, ...]]]


class TrainedRecord(_Section):
    """All sections that a training adds to a manifest, in their order.

    `golden` has the fields of `edgecnn.bundle.manifest.Golden`.
    """

    accuracy: AccuracyRecord
    data: DataRecord
    training: TrainingRecord
    recipe: dict[str, Any]
    golden: dict[str, Any] | None = None
    confidence: ConfidenceRecord
    quantization: QuantizationRecord
    cost: CostRecord | None = None
    robustness: RobustnessRecord | None = None

    def sections(self) -> dict[str, Any]:
        """Return the sections as the manifest has them, without those that were not measured."""
        found = self.model_dump(mode="json")
        if self.training.private is None:
            del found["training"]["private"]
        return {key: value for key, value in found.items() if value is not None}


class TrainedModel(NamedTuple):
    """A trained bundle's manifest, and the sections of it that its training added."""

    manifest: Manifest
    record: TrainedRecord
