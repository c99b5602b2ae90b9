"""A training recipe: everything that decides a model.

The sections and keys of a recipe's TOML file are the dataclasses and fields below.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any, Literal

from edgecnn.errors import RecipeError

Family = Literal["classic", "resnet", "resnet8", "resnet20", "mobilenet_v1", "mobilenet_v2", "ds_cnn"]
Activation = Literal["relu", "relu6", "sigmoid", "tanh", "hard_swish"]
Loss = Literal["sparse_categorical_crossentropy", "categorical_crossentropy", "mean_squared_error", "focal"]
Optimizer = Literal["gradient_descent", "sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw"]
Schedule = Literal["constant", "step", "cosine", "one_cycle"]


@dataclass(frozen=True, slots=True)
class DataSpec:
    """Which data: `name` is looked for in $EDGECNN_DATA; `validation` and `test` are shares of it.

    They are drawn where the set has no such split of its own. With `redraw_validation` its own validation
    split trains too, and another of that share is drawn from both; its test stays what it is.
    A small set without an official test is also trained once for each of so many `folds`; 0 for none.
    """

    name: str = ""
    where: str = ""
    licence: str = "not stated"
    validation: float = 0.1
    redraw_validation: bool = False
    test: float = 0.2
    folds: int = 5


@dataclass(frozen=True, slots=True)
class InputSpec:
    """The image that the model sees; a size of 0 and the colour `auto` are chosen from the images.

    Transparent images are laid on the `background`.
    """

    width: int = 0
    height: int = 0
    color: Literal["auto", "gray", "rgb"] = "auto"
    fit: Literal["crop", "stretch", "pad"] = "crop"
    resize: Literal["halved", "area", "linear", "staged"] = "halved"
    background: Literal["white", "black", "gray"] = "white"


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """The network.

    `width` multiplies every layer's channels. `filters` and `blocks` are the stages of the families that
    have them; none means the family's own. `stem_stride` is the residual family's: 2 halves a large picture
    in the first convolution. `pool` and `dense` are the classic family's.
    """

    family: Family = "classic"
    width: float = 1.0
    filters: tuple[int, ...] = ()
    blocks: tuple[int, ...] = ()
    stem_stride: int = 1
    kernel: int = 3
    pool: Literal["max", "average"] = "max"
    dense: tuple[int, ...] = (64,)
    activation: Activation = "relu"
    dropout: float = 0.0


@dataclass(frozen=True, slots=True)
class TrainSpec:
    """How it is trained.

    `warmup` is in epochs, `ema` the decay of the weights' moving average (0 for none). `teachers` are
    bundles or .keras files; `distill` is the share of the loss that the mean of their answers gets, at
    `temperature`. `start` is a bundle whose weights are taken over; what was taken over is kept as it is for
    `freeze` epochs.
    """

    loss: Loss = "sparse_categorical_crossentropy"
    label_smoothing: float = 0.0
    class_weights: Literal["none", "balanced"] = "none"
    optimizer: Optimizer = "adam"
    learning_rate: float = 0.001
    weight_decay: float = 0.0
    schedule: Schedule = "constant"
    warmup: float = 0.0
    batch_size: int = 32
    epochs: int = 10
    ema: float = 0.0
    teachers: tuple[str, ...] = ()
    distill: float = 0.5
    temperature: float = 4.0
    start: str = ""
    freeze: int = 0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class AugmentSpec:
    """How far pictures are changed while training; 0 leaves that change out.

    `shift` and `crop` are shares of the side (a crop pads by that share on every side, mirrored, and cuts
    the picture's size out of it), `scale` and `perspective` are shares too, `rotate` is in degrees, `blur`
    in pixels, `noise` in grey levels, `speckle` a share of each pixel's own brightness. `light` is how
    uneven, `color` how far brightness, contrast, saturation and hue go, `paper` redraws bright strokes on
    black as ink of any shade on paper of any shade.
    `cutout` is the side of the hole as a share, `mixup` and `cutmix` are the alpha of their Beta
    distribution, `randaugment` the magnitude (0 to 10) of two changes drawn from Keras' fourteen.
    `clean` is the share of pictures that nothing but `flip` and `crop` changes.
    """

    shift: float = 0.0
    crop: float = 0.0
    scale: float = 0.0
    rotate: float = 0.0
    perspective: float = 0.0
    flip: bool = False
    paper: bool = False
    light: float = 0.0
    color: float = 0.0
    blur: float = 0.0
    noise: float = 0.0
    speckle: float = 0.0
    cutout: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    randaugment: float = 0.0
    clean: float = 0.0


# What `--robust` adds where a recipe does not say it itself: poor light, poor lenses, poor sensors. Speckle
# and a Gaussian blur are two of the corruptions that Hendrycks & Dietterich keep apart from those that
# measure.
ROBUST = AugmentSpec(light=0.4, color=0.3, blur=1.0, speckle=0.4, clean=0.5)


@dataclass(frozen=True, slots=True)
class QuantizeSpec:
    """How it is quantized.

    `ptq` takes the ranges from `calibration` pictures of the training split, after training; `qat` trains
    on with the rounding of int8, for `qat_epochs` at `qat_learning_rate`. `variants` are files to make
    beside int8 and float32.
    """

    method: Literal["ptq", "qat"] = "ptq"
    calibration: int = 500
    qat_epochs: int = 6
    qat_learning_rate: float = 0.0003
    variants: tuple[Literal["float16", "dynamic_range"], ...] = ()


@dataclass(frozen=True, slots=True)
class PrivateSpec:
    """Differentially private training: the deviation of the noise is noise_multiplier × clip_norm."""

    enabled: bool = False
    noise_multiplier: float = 1.1
    clip_norm: float = 1.0
    delta: float = 1e-5


@dataclass(frozen=True, slots=True)
class VerifySpec:
    """What is measured and asked for, 0 for nothing.

    `synthetic_frames` is how many frames of the synthetic camera, for models that know digits; `corruptions`
    how many of the test pictures are also classified under every corruption of `edgecnn evaluate`;
    `agreement` the share of test pictures for which int8 has to name the class that float names.
    """

    synthetic_frames: int = 0
    corruptions: int = 0
    agreement: float = 0.95


@dataclass(frozen=True, slots=True)
class UnknownSpec:
    """When the answer is `unknown`: what the threshold is chosen for, and on which pictures.

    At most `false_accept` of the negatives may be named as a class (1 for no threshold at all), but no more
    than `max_false_reject` of the validation pictures be called unknown, which comes first. `negatives` is
    `generated`, a folder, or the name of a data set in $EDGECNN_DATA. `background_class` trains one class
    more, of made pictures, or takes the data's own class called `background` or `unknown` for it.
    """

    false_accept: float = 0.05
    max_false_reject: float = 0.1
    negatives: str = "generated"
    background_class: bool = False


# How far each change can go before nothing of the picture is left.
_MOST_CHANGE = {
    "shift": 1.0, "crop": 0.5, "scale": 2.0, "rotate": 180.0, "perspective": 1.0, "light": 1.0, "color": 1.0,
    "blur": 20.0, "noise": 255.0, "speckle": 2.0, "cutout": 1.0, "mixup": 10.0, "cutmix": 10.0,
    "randaugment": 10.0, "clean": 1.0,
}  # fmt: skip

# In characters, of which each may be four bytes of a folder's name.
_MOST_NAME = 60


@dataclass(frozen=True, slots=True)
class Recipe:
    """A whole recipe."""

    name: str
    title: str = ""
    data: DataSpec = field(default_factory=DataSpec)
    input: InputSpec = field(default_factory=InputSpec)
    model: ModelSpec = field(default_factory=ModelSpec)
    train: TrainSpec = field(default_factory=TrainSpec)
    augment: AugmentSpec = field(default_factory=AugmentSpec)
    robust: AugmentSpec = field(default_factory=lambda: ROBUST)
    private: PrivateSpec = field(default_factory=PrivateSpec)
    quantize: QuantizeSpec = field(default_factory=QuantizeSpec)
    verify: VerifySpec = field(default_factory=VerifySpec)
    unknown: UnknownSpec = field(default_factory=UnknownSpec)

    def __post_init__(self) -> None:
        if not self.name or self.name in (".", "..") or "/" in self.name or len(self.name) > _MOST_NAME:
            raise RecipeError(
                f"name is {self.name[: 2 * _MOST_NAME]!r}, expected 1 to {_MOST_NAME} characters and "
                "no /: the bundle's folder is called so"
            )
        checks = [
            ("data.validation", 0 < self.data.validation < 0.5, "between 0 and 0.5"),
            ("data.test", 0 < self.data.test < 0.5, "between 0 and 0.5"),
            ("data.folds", self.data.folds == 0 or 2 <= self.data.folds <= 20, "2 to 20, or 0"),
            ("input.width", self.input.width == 0 or 8 <= self.input.width <= 512, "8 to 512, or 0"),
            ("input.height", self.input.height == 0 or 8 <= self.input.height <= 512, "8 to 512, or 0"),
            ("model.filters", all(0 < f <= 8192 for f in self.model.filters), "1 to 8192 each"),
            ("model.dense", all(0 < d <= 65536 for d in self.model.dense), "1 to 65536 each"),
            ("model.width", 0.05 <= self.model.width <= 8, "0.05 to 8"),
            ("model.blocks", all(0 <= b <= 100 for b in self.model.blocks), "0 to 100 each"),
            ("model.kernel", self.model.kernel in (1, 3, 5, 7), "1, 3, 5 or 7"),
            ("model.stem_stride", self.model.stem_stride in (1, 2), "1 or 2"),
            ("model.dropout", 0 <= self.model.dropout < 1, "at least 0 and below 1"),
            ("train.learning_rate", 0 < self.train.learning_rate <= 1000, "above 0, up to 1000"),
            ("train.label_smoothing", 0 <= self.train.label_smoothing < 1, "at least 0 and below 1"),
            ("train.weight_decay", 0 <= self.train.weight_decay < 1, "at least 0 and below 1"),
            ("train.warmup", 0 <= self.train.warmup <= self.train.epochs, "0 to train.epochs"),
            ("train.ema", 0 <= self.train.ema < 1, "at least 0 and below 1"),
            ("train.distill", 0 < self.train.distill <= 1, "above 0 and at most 1"),
            ("train.temperature", 1 <= self.train.temperature <= 1000, "1 to 1000"),
            ("train.freeze", 0 <= self.train.freeze <= self.train.epochs, "0 to train.epochs"),
            ("train.batch_size", 0 < self.train.batch_size <= 2**20, "1 or more, up to 1048576"),
            ("train.epochs", 0 < self.train.epochs <= 10**6, "1 or more, up to 1000000"),
            ("train.seed", 0 <= self.train.seed < 2**32, "0 to 4294967295"),
            ("private.noise_multiplier", 0.3 <= self.private.noise_multiplier <= 100, "0.3 to 100"),
            ("private.clip_norm", 0 < self.private.clip_norm < math.inf, "above 0"),
            ("private.delta", 0 < self.private.delta < 1, "between 0 and 1"),
            ("quantize.calibration", 0 < self.quantize.calibration < 2**31, "1 or more"),
            ("quantize.qat_epochs", 0 < self.quantize.qat_epochs <= 10**6, "1 or more, up to 1000000"),
            (
                "quantize.qat_learning_rate",
                0 < self.quantize.qat_learning_rate <= 1000,
                "above 0, up to 1000",
            ),
            ("verify.agreement", 0 <= self.verify.agreement <= 1, "0 to 1"),
            ("verify.corruptions", self.verify.corruptions >= 0, "0 or more"),
            ("verify.synthetic_frames", self.verify.synthetic_frames >= 0, "0 or more"),
            ("unknown.false_accept", 0 <= self.unknown.false_accept <= 1, "0 to 1"),
            ("unknown.max_false_reject", 0 <= self.unknown.max_false_reject < 1, "at least 0 and below 1"),
            ("unknown.negatives", self.unknown.negatives != "", "generated, a folder or a data set's name"),
            ("input.height", (self.input.width == 0) == (self.input.height == 0), "set with input.width"),
            *(
                (f"augment.{key}", 0 <= getattr(self.augment, key) <= most, f"0 to {most:g}")
                for key, most in _MOST_CHANGE.items()
            ),
            *(
                (f"robust.{key}", 0 <= getattr(self.robust, key) <= most, f"0 to {most:g}")
                for key, most in _MOST_CHANGE.items()
            ),
        ]
        for key, holds, expected in checks:
            if not holds:
                section, _, name = key.partition(".")
                value = getattr(getattr(self, section), name)
                raise RecipeError(f"{key} is {value!r}, expected {expected}")

    def robustly(self) -> Recipe:
        """Return the recipe with the changes of its `robust` section added to those of `augment`."""
        plain = AugmentSpec()
        added = {k: v for k, v in dataclasses.asdict(self.robust).items() if v != getattr(plain, k)}
        return dataclasses.replace(self, augment=dataclasses.replace(self.augment, **added))

    def as_dict(self) -> dict[str, Any]:
        """Return the recipe as plain tables, as in its file."""
        return dataclasses.asdict(self)
