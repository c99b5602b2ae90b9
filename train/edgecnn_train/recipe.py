"""A training recipe: everything that decides a model.

The sections and keys of a recipe's TOML file are the dataclasses and fields below. Every value is checked
when one is made, also by `dataclasses.replace`; a wrong one raises RecipeError, which names its key.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NoReturn

from edgecnn_train.keys import (
    Number,
    Switch,
    Text,
    Texts,
    Whole,
    Wholes,
    check_amounts,
    choice,
    expect,
    listed,
    read_by,
    section,
    wrong,
)
from edgecnn_train.registry import (
    ACTIVATIONS,
    FAMILIES,
    LOSSES,
    OPTIMIZERS,
    SCHEDULES,
    TRUNKS,
    augment_limits,
)

# In characters, of which each may be four bytes of a folder's name.
_MOST_NAME = 60

Share = Annotated[Number, expect(lambda v: 0 <= v <= 1, "0 to 1")]
# A share of the data that leaves some for training.
Part = Annotated[Number, expect(lambda v: 0 < v < 0.5, "between 0 and 0.5")]
BelowOne = Annotated[Number, expect(lambda v: 0 <= v < 1, "at least 0 and below 1")]
Side = Annotated[Whole, expect(lambda v: v == 0 or 8 <= v <= 512, "8 to 512, or 0")]
Count = Annotated[Whole, expect(lambda v: v >= 0, "0 or more")]
Epochs = Annotated[Whole, expect(lambda v: 0 < v <= 10**6, "1 or more, up to 1000000")]
Rate = Annotated[Number, expect(lambda v: 0 < v <= 1000, "above 0, up to 1000")]


@section("data")
class DataSpec:
    """Which dataset: `name` is looked for in $EDGECNN_DATA; `validation` and `test` are shares of it.

    They are drawn if the dataset has no such split of its own. With `redraw_validation` its own validation
    split is used for training too, and another of that share is drawn from both; its test split stays.
    A small dataset without an official test split is also trained once for each of so many `folds`; 0 for
    none.
    """

    name: Text = ""
    where: Text = ""
    licence: Text = "not stated"
    validation: Part = 0.1
    redraw_validation: Switch = False
    test: Part = 0.2
    folds: Annotated[Whole, expect(lambda v: v == 0 or 2 <= v <= 20, "2 to 20, or 0")] = 5


@section("input")
class RecipeInput:
    """The image that the model sees; a size of 0 and the color `auto` are chosen from the images.

    Transparent images are laid on the `background`.
    """

    width: Side = 0
    height: Side = 0
    color: Literal["auto", "gray", "rgb"] = "auto"
    fit: Literal["crop", "stretch", "pad"] = "crop"
    resize: Literal["halved", "area", "linear", "staged"] = "halved"
    background: Literal["white", "black", "gray"] = "white"

    def __post_init__(self) -> None:
        if (self.width == 0) != (self.height == 0):
            raise wrong(self.height, "both input.width and input.height, or neither", "height")


@section("model")
class ModelSpec:
    """The network.

    `trunk` is a trained network that gets a new head, with this `dropout`. `cut` is the block after which it
    ends, 0 for the whole trunk; MobileNetV2's has the `width`. Without a trunk, a `family` is trained.

    `width` multiplies every layer's channels. `filters` and `blocks` are the stages of the families that
    have them; none means the family's own. `stem_stride` is the residual family's: 2 halves a large image
    in the first convolution. `pool` and `dense` are the classic family's.
    """

    family: Annotated[str, choice(FAMILIES)] = "classic"
    width: Annotated[Number, expect(lambda v: 0.05 <= v <= 8, "0.05 to 8")] = 1.0
    filters: Annotated[Wholes, expect(lambda v: all(0 < f <= 8192 for f in v), "1 to 8192 each")] = ()
    blocks: Annotated[Wholes, expect(lambda v: all(0 <= b <= 100 for b in v), "0 to 100 each")] = ()
    stem_stride: Annotated[Whole, expect(lambda v: v in (1, 2), "1 or 2")] = 1
    kernel: Annotated[Whole, expect(lambda v: v in (1, 3, 5, 7), "1, 3, 5 or 7")] = 3
    pool: Literal["max", "average"] = "max"
    dense: Annotated[Wholes, expect(lambda v: all(0 < d <= 65536 for d in v), "1 to 65536 each")] = (64,)
    activation: Annotated[str, choice(ACTIVATIONS)] = "relu"
    dropout: BelowOne = 0.0
    trunk: Annotated[str, choice(TRUNKS)] = "none"
    cut: Count = 0

    @property
    def name(self) -> str:
        """The trunk's name, or the family's where there is none."""
        return self.family if self.trunk == "none" else self.trunk


@section("train")
class TrainSpec:
    """How it is trained.

    `warmup` is in epochs, `ema` the decay of the weights' moving average (0 for none). `teachers` are
    bundles or .keras files; `distill` is the weight of their mean answer in the loss, at `temperature`.
    `start` is a bundle whose weights are the initial ones; those stay fixed for `freeze` epochs. So does a
    trunk; then its upper half is trained for as many epochs, then all of it, at `trunk_rate` times the
    learning rate, but for its first layers, of which the share `fixed` stays as it is.
    """

    loss: Annotated[str, choice(LOSSES)] = "sparse_categorical_crossentropy"
    label_smoothing: BelowOne = 0.0
    class_weights: Literal["none", "balanced"] = "none"
    optimizer: Annotated[str, choice(OPTIMIZERS)] = "adam"
    learning_rate: Rate = 0.001
    weight_decay: BelowOne = 0.0
    schedule: Annotated[str, choice(SCHEDULES)] = "constant"
    warmup: Number = 0.0
    batch_size: Annotated[Whole, expect(lambda v: 0 < v <= 2**20, "1 or more, up to 1048576")] = 32
    epochs: Epochs = 10
    ema: BelowOne = 0.0
    teachers: Texts = ()
    distill: Annotated[Number, expect(lambda v: 0 < v <= 1, "above 0 and at most 1")] = 0.5
    temperature: Annotated[Number, expect(lambda v: 1 <= v <= 1000, "1 to 1000")] = 4.0
    start: Text = ""
    freeze: Whole = 0
    fixed: Share = 0.0
    trunk_rate: Annotated[Number, expect(lambda v: 0 < v <= 1, "above 0 and at most 1")] = 0.1
    seed: Annotated[Whole, expect(lambda v: 0 <= v < 2**32, "0 to 4294967295")] = 0

    def __post_init__(self) -> None:
        for key in ("warmup", "freeze"):
            if not 0 <= (epochs := getattr(self, key)) <= self.epochs:
                raise wrong(epochs, "0 to train.epochs", key)


class _Fields:
    """The fields of AugmentSpec: the keys of the augmentations that are registered now."""

    def __get__(self, instance: object, owner: object) -> dict[str, Any]:
        rows = [(k, type(most), field(default=type(most)())) for k, most in augment_limits().items()]
        return vars(dataclasses.make_dataclass("AugmentSpec", rows))["__dataclass_fields__"]  # type: ignore[no-any-return]


class AugmentSpec(SimpleNamespace):
    """How far images are changed for training: an amount for each key of `AUGMENTATIONS`; 0 for no change.

    `shift` and `crop` are shares of the side (a crop pads every side by that share, mirrored, and cuts an
    image's size out of it), `scale` and `perspective` are shares too, `rotate` is in degrees, `blur` in
    pixels, `noise` in gray levels, `speckle` a share of each pixel's own brightness. `light` is how uneven
    the light is, `color` how far brightness, contrast, saturation and hue change, `paper` redraws bright
    strokes on black as ink of any shade on paper of any shade. `cutout` is the side of the hole as a share,
    `mixup` and `cutmix` are the alpha of their Beta distribution, `randaugment` the magnitude (0 to 10) of
    two changes out of fourteen. `clean` is the share of images that only `flip` and `crop` change.

    It works as a frozen dataclass. Amounts are checked when it becomes part of a Recipe.
    """

    if TYPE_CHECKING:
        __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]
    else:
        __dataclass_fields__ = _Fields()

    def __init__(self, **amounts: float) -> None:
        defaults = {key: type(most)() for key, most in augment_limits().items()}
        if unknown := amounts.keys() - defaults:
            raise TypeError(f"[augment] has no key {', '.join(sorted(unknown))}")
        super().__init__(**(defaults | amounts))

    def __getattr__(self, key: str) -> Any:
        if key in (limits := augment_limits()):  # registered since
            return type(limits[key])()
        raise AttributeError(key)

    def __setattr__(self, key: str, value: object) -> NoReturn:
        raise dataclasses.FrozenInstanceError(f"cannot assign to field {key!r}")

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(sorted(vars(self).items())))


def _amounts(given: object) -> AugmentSpec:
    table = vars(given) if isinstance(given, AugmentSpec) else given
    return AugmentSpec(**check_amounts(table, augment_limits()))


Amounts = Annotated[AugmentSpec, read_by(_amounts)]

# What `--robust` adds where a recipe has no [robust] section: poor light, poor lenses, poor sensors. Speckle
# and a Gaussian blur are two of the corruptions that Hendrycks & Dietterich keep apart from those that
# measure.
ROBUST = AugmentSpec(light=0.4, color=0.3, blur=1.0, speckle=0.4, clean=0.5)


@section("quantize")
class QuantizeSpec:
    """How it is quantized.

    `ptq` takes the ranges from `calibration` images of the training split, after training; `qat` continues
    training with the rounding of int8, for `qat_epochs` at `qat_learning_rate`. `weight_bits` is how many of
    their 8 bits the weights use: with 7, sums of two products fit into the 16 bits that fast kernels have for
    them on processors without VNNI. `variants` are further files besides int8 and float32.
    """

    method: Literal["ptq", "qat"] = "ptq"
    calibration: Annotated[Whole, expect(lambda v: 0 < v < 2**31, "1 or more")] = 500
    qat_epochs: Epochs = 6
    qat_learning_rate: Rate = 0.0003
    weight_bits: Annotated[Whole, expect(lambda v: v in (7, 8), "7 or 8")] = 8
    variants: Annotated[
        tuple[Literal["float16", "dynamic_range"], ...], listed("['float16']", str, "names")
    ] = ()


@section("private")
class PrivateSpec:
    """Differentially private training: the deviation of the noise is noise_multiplier × clip_norm."""

    enabled: Switch = False
    noise_multiplier: Annotated[Number, expect(lambda v: 0.3 <= v <= 100, "0.3 to 100")] = 1.1
    clip_norm: Annotated[Number, expect(lambda v: 0 < v < math.inf, "above 0")] = 1.0
    delta: Annotated[Number, expect(lambda v: 0 < v < 1, "between 0 and 1")] = 1e-5


@section("verify")
class VerifySpec:
    """What is measured and required, 0 for nothing.

    `synthetic_frames` is how many frames of the synthetic camera, for models of digits; `corruptions` how
    many of the test images are also classified under every corruption of `edgecnn evaluate`; `agreement` the
    share of test images for which int8 has to answer the class that float answers.
    """

    synthetic_frames: Count = 0
    corruptions: Count = 0
    agreement: Share = 0.95


@section("unknown")
class UnknownSpec:
    """When the answer is `unknown`: what the threshold is chosen for, and on which images.

    At most `false_accept` of the negatives may be classified (1 for no threshold at all), but no more than
    `max_false_reject` of the validation images may be called unknown, which takes priority. `negatives` is
    `generated`, a folder, or the name of a dataset in $EDGECNN_DATA. `background_class` trains one class
    more, of generated images, or the data's own class called `background` or `unknown`.
    """

    false_accept: Share = 0.05
    max_false_reject: BelowOne = 0.1
    negatives: Annotated[Text, expect(bool, "generated, a folder or a dataset's name")] = "generated"
    background_class: Switch = False


def _names_a_folder(name: str) -> bool:
    return 0 < len(name) <= _MOST_NAME and name not in (".", "..") and "/" not in name


@section("")
class Recipe:
    """A whole recipe."""

    name: Annotated[
        Text,
        expect(
            _names_a_folder,
            f"1 to {_MOST_NAME} characters and no /: the bundle's folder is called so",
        ),
    ]
    title: Text = ""
    data: DataSpec = field(default_factory=DataSpec)
    input: RecipeInput = field(default_factory=RecipeInput)
    model: ModelSpec = field(default_factory=ModelSpec)
    train: TrainSpec = field(default_factory=TrainSpec)
    augment: Amounts = field(default_factory=AugmentSpec)
    robust: Amounts = ROBUST
    private: PrivateSpec = field(default_factory=PrivateSpec)
    quantize: QuantizeSpec = field(default_factory=QuantizeSpec)
    verify: VerifySpec = field(default_factory=VerifySpec)
    unknown: UnknownSpec = field(default_factory=UnknownSpec)

    def robustly(self) -> Recipe:
        """Return the recipe with the changes of its `robust` section added to those of `augment`."""
        added = {key: amount for key, amount in vars(self.robust).items() if amount}
        return dataclasses.replace(self, augment=dataclasses.replace(self.augment, **added))

    def as_dict(self) -> dict[str, Any]:
        """Return the recipe as plain tables, as in its file."""
        return dataclasses.asdict(self)
