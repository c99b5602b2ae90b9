"""Tables of the names in a recipe, and of the code for each name.

Most rows refer to their code as `module:attribute`, which is imported when a recipe asks for it, so that
recipes are read without TensorFlow. `register` and `augmentation` add rows from outside this package.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NamedTuple, TypeVar

Code = str | Callable[..., Any]
Function = TypeVar("Function", bound=Callable[..., Any])


def load(code: Code) -> Callable[..., Any]:
    """Return a row's code. Raises ImportError or AttributeError where a reference leads nowhere."""
    return pkgutil.resolve_name(code) if isinstance(code, str) else code


class Registry(Mapping[str, Callable[..., Any]]):
    """The names that one key of a recipe can have; `registry[name]` is the code, imported when needed.

    Parameters
    ----------
    key
        The recipe's key, such as `train.optimizer`.
    rows
        Each name with its code, or with a reference to it, `module:attribute`.
    """

    def __init__(self, key: str, rows: Mapping[str, Code]) -> None:
        self.key = key
        self._rows = dict(rows)

    def __getitem__(self, name: str) -> Callable[..., Any]:
        return load(self._rows[name])

    def __contains__(self, name: object) -> bool:
        return name in self._rows  # without importing its code

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def register(self, name: str) -> Callable[[Function], Function]:
        """Return a decorator that adds a function or class under a name. Raises ValueError if it is taken."""

        def add(code: Function) -> Function:
            if name in self._rows:
                raise ValueError(f"{self.key} has {name!r} already: choose another name")
            self._rows[name] = code
            return code

        return add

    def require(self) -> None:
        """Import the code of every name. Raises ImportError or AttributeError where it is missing."""
        for code in self._rows.values():
            load(code)


# (ModelSpec, InputSpec, number of classes) → a Keras model: float32 N×H×W×C, 0 to 1, in; probabilities out.
FAMILIES = Registry(
    "model.family",
    {
        "classic": "edgecnn_train.models.classic:classic",
        "resnet": "edgecnn_train.models.resnet:resnet",
        "resnet8": "edgecnn_train.models.resnet:resnet8",
        "resnet20": "edgecnn_train.models.resnet:resnet20",
        "mobilenet_v1": "edgecnn_train.models.mobilenet:mobilenet_v1",
        "mobilenet_v2": "edgecnn_train.models.mobilenet:mobilenet_v2",
        "ds_cnn": "edgecnn_train.models.mobilenet:ds_cnn",
    },
)


class KerasTrunk(NamedTuple):
    """A network that is trained already, without its classes.

    `sides` are the inputs that it was made for, in pixels, of which `side` is used unless the recipe has
    another one. `cuts` are the blocks after which it may end, the deepest first. The code gets (ModelSpec,
    InputSpec) and returns a Keras model: float32 N×H×W×3 in, feature maps out. Pixels 0 and 255 become
    `value_range`.
    """

    sides: tuple[int, ...]
    side: int
    cuts: tuple[int, ...]
    code: Code
    # Of which 255 steps are 1/128 each, so that a pixel becomes its int8 by one XOR.
    value_range: tuple[float, float] = (-127 / 128, 1.0)


# What `model.trunk` can be; None stands for a network that is trained from nothing.
TRUNKS: dict[str, KerasTrunk | None] = {
    "none": None,
    "efficientnet_lite0": KerasTrunk(
        (128, 160, 192, 224), 192, (16, 15, 11, 8, 5), "edgecnn_train.models.trunks:efficientnet_lite0"
    ),
    "mobilenet_v2": KerasTrunk(
        (96, 128, 160, 192, 224), 160, (16, 15, 12, 9, 5), "edgecnn_train.models.trunks:mobilenet_v2"
    ),
}

# Keras activation functions.
ACTIVATIONS = Registry(
    "model.activation",
    {
        "relu": "keras.activations:relu",
        "relu6": "keras.activations:relu6",
        "sigmoid": "keras.activations:sigmoid",
        "tanh": "keras.activations:tanh",
        "hard_swish": "keras.activations:hard_silu",
    },
)

# () → a Keras loss of one-hot or mixed targets. One whose name begins with `sparse_` takes class numbers
# instead; the name without `sparse_` is the same loss of one-hot targets.
LOSSES = Registry(
    "train.loss",
    {
        "sparse_categorical_crossentropy": "keras.losses:SparseCategoricalCrossentropy",
        "categorical_crossentropy": "keras.losses:CategoricalCrossentropy",
        "mean_squared_error": "keras.losses:MeanSquaredError",
        "focal": "edgecnn_train.losses:focal",
    },
)

# (learning rate or schedule, **keywords of every Keras optimizer) → a Keras optimizer.
OPTIMIZERS = Registry(
    "train.optimizer",
    {
        "gradient_descent": "keras.optimizers:SGD",
        "sgd": "keras.optimizers:SGD",
        "momentum": "edgecnn_train.optimize:momentum",
        "nesterov": "edgecnn_train.optimize:nesterov",
        "adagrad": "keras.optimizers:Adagrad",
        "rmsprop": "keras.optimizers:RMSprop",
        "adam": "keras.optimizers:Adam",
        "adamw": "edgecnn_train.optimize:adamw",
    },
)

# A tensor t, from 0 to 1 over what follows the warm-up → the factor of the highest learning rate.
SCHEDULES = Registry(
    "train.schedule",
    {
        "constant": "keras.ops:ones_like",
        "step": "edgecnn_train.optimize:step",
        "cosine": "edgecnn_train.optimize:cosine",
        "one_cycle": "edgecnn_train.optimize:one_cycle",
    },
)

REGISTRIES = (FAMILIES, ACTIVATIONS, LOSSES, OPTIMIZERS, SCHEDULES)

# The stages of augmentation, in order. `crop` and `move` change where pixels are, uint8 N×H×W×C; `shade`
# changes their values, float32 N×H×W×C, 0 to 255; `cover` comes last, uint8 again. `mix` combines images,
# float32 0 to 1, and their targets, float32 N×K.
Stage = Literal["crop", "move", "shade", "cover", "mix"]


class Augmentation(NamedTuple):
    """One change of training images.

    `limits` has its keys of the section [augment], each with its largest amount; True is a switch. The code
    gets the images (for `mix` also the targets), the amount of each key, and a numpy Generator, in this
    order, and returns new images (and targets). It runs where at least one of its amounts is not 0.
    """

    stage: Stage
    limits: Mapping[str, float]
    code: Code


AUGMENTATIONS = [
    Augmentation("crop", {"crop": 0.5}, "edgecnn_train.augment.single:crop"),
    Augmentation(
        "move",
        {"shift": 1.0, "scale": 2.0, "rotate": 180.0, "perspective": 1.0, "flip": True},
        "edgecnn_train.augment.single:warp",
    ),
    Augmentation("move", {"randaugment": 10.0}, "edgecnn_train.augment.randaugment:randaugment"),
    Augmentation("shade", {"paper": True}, "edgecnn_train.augment.single:paper"),
    Augmentation("shade", {"light": 1.0}, "edgecnn_train.augment.single:light"),
    Augmentation("shade", {"color": 1.0}, "edgecnn_train.augment.single:color"),
    Augmentation("shade", {"blur": 20.0}, "edgecnn_train.augment.single:blur"),
    Augmentation("shade", {"speckle": 2.0}, "edgecnn_train.augment.single:speckle"),
    Augmentation("shade", {"noise": 255.0}, "edgecnn_train.augment.single:noise"),
    Augmentation("cover", {"cutout": 1.0}, "edgecnn_train.augment.single:cutout"),
    Augmentation("mix", {"mixup": 10.0}, "edgecnn_train.augment.mix:mixup"),
    Augmentation("mix", {"cutmix": 10.0}, "edgecnn_train.augment.mix:cutmix"),
]


def augment_limits() -> dict[str, float]:
    """Return every key of the section [augment] with its largest amount; True is a switch."""
    limits = {key: most for row in AUGMENTATIONS for key, most in row.limits.items()}
    return limits | {"clean": 1.0}  # the share of images that no row but crop and flip changes


def augmentation(stage: Stage, **limits: float) -> Callable[[Function], Function]:
    """Return a decorator that adds an augmentation, with its keys and their largest amounts.

    It runs after the others of its stage. Raises ValueError where a key is taken.
    """

    def add(code: Function) -> Function:
        if taken := limits.keys() & augment_limits().keys():
            raise ValueError(f"[augment] has {', '.join(sorted(taken))} already: choose another name")
        AUGMENTATIONS.append(Augmentation(stage, limits, code))
        return code

    return add
