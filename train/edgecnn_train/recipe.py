"""A training recipe: everything that decides a model, read from a TOML file.

The sections and keys of the file are the dataclasses and fields below.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from edgecnn.errors import RecipeError

Schedule = Literal["constant", "cosine"]
Optimizer = Literal["sgd", "momentum", "adagrad", "rmsprop", "adam"]
Activation = Literal["relu", "sigmoid", "tanh"]


@dataclass(frozen=True, slots=True)
class DataSpec:
    """Which data: `name` is looked for in $EDGECNN_DATA; `validation` and `test` are shares of it."""

    name: str = ""
    where: str = ""
    licence: str = "not stated"
    validation: float = 0.1
    test: float = 0.2


@dataclass(frozen=True, slots=True)
class InputSpec:
    """The picture that the model sees; a size of 0 and the colour `auto` are chosen from the pictures."""

    width: int = 0
    height: int = 0
    color: Literal["auto", "gray", "rgb"] = "auto"
    fit: Literal["crop", "stretch"] = "crop"
    resize: Literal["staged", "area", "linear"] = "staged"


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """The network; no `filters` means as many convolutions as the input's size needs."""

    family: Literal["classic"] = "classic"
    filters: tuple[int, ...] = ()
    kernel: int = 3
    pool: Literal["max", "average"] = "max"
    dense: tuple[int, ...] = (64,)
    activation: Activation = "relu"
    dropout: float = 0.0


@dataclass(frozen=True, slots=True)
class TrainSpec:
    """How it is trained."""

    loss: Literal["sparse_categorical_crossentropy"] = "sparse_categorical_crossentropy"
    optimizer: Optimizer = "adam"
    learning_rate: float = 0.001
    schedule: Schedule = "constant"
    batch_size: int = 32
    epochs: int = 10
    seed: int = 0


@dataclass(frozen=True, slots=True)
class AugmentSpec:
    """How far pictures are changed while training; 0 leaves that change out.

    `shift` is a share of the side, `scale` and `perspective` are shares too, `rotate` is in degrees,
    `blur` in pixels, `noise` in grey levels. `light` is how uneven, `paper` redraws bright strokes on black
    as ink of any shade on paper of any shade, `clean` is the share of pictures left as they are.
    """

    shift: float = 0.0
    scale: float = 0.0
    rotate: float = 0.0
    perspective: float = 0.0
    flip: bool = False
    paper: bool = False
    light: float = 0.0
    blur: float = 0.0
    noise: float = 0.0
    clean: float = 0.0


@dataclass(frozen=True, slots=True)
class QuantizeSpec:
    """How it is quantized: pictures of the training split that the ranges are taken from."""

    calibration: int = 500


@dataclass(frozen=True, slots=True)
class VerifySpec:
    """What is measured beside the test split: frames of the synthetic camera, for models that know digits."""

    synthetic_frames: int = 0


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
    "shift": 1.0, "scale": 2.0, "rotate": 180.0, "perspective": 1.0, "light": 1.0,
    "blur": 20.0, "noise": 255.0, "clean": 1.0,
}  # fmt: skip


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
    quantize: QuantizeSpec = field(default_factory=QuantizeSpec)
    verify: VerifySpec = field(default_factory=VerifySpec)
    unknown: UnknownSpec = field(default_factory=UnknownSpec)

    def __post_init__(self) -> None:
        checks = [
            ("data.validation", 0 < self.data.validation < 0.5, "between 0 and 0.5"),
            ("data.test", 0 < self.data.test < 0.5, "between 0 and 0.5"),
            ("input.width", self.input.width == 0 or 8 <= self.input.width <= 512, "8 to 512, or 0"),
            ("input.height", self.input.height == 0 or 8 <= self.input.height <= 512, "8 to 512, or 0"),
            ("model.filters", all(f > 0 for f in self.model.filters), "positive numbers"),
            ("model.dense", all(d > 0 for d in self.model.dense), "positive numbers"),
            ("model.kernel", self.model.kernel in (1, 3, 5, 7), "1, 3, 5 or 7"),
            ("model.dropout", 0 <= self.model.dropout < 1, "at least 0 and below 1"),
            ("train.learning_rate", self.train.learning_rate > 0, "above 0"),
            ("train.batch_size", self.train.batch_size > 0, "1 or more"),
            ("train.epochs", self.train.epochs > 0, "1 or more"),
            ("train.seed", 0 <= self.train.seed < 2**32, "0 to 4294967295"),
            ("quantize.calibration", self.quantize.calibration > 0, "1 or more"),
            ("verify.synthetic_frames", self.verify.synthetic_frames >= 0, "0 or more"),
            ("unknown.false_accept", 0 <= self.unknown.false_accept <= 1, "0 to 1"),
            ("unknown.max_false_reject", 0 <= self.unknown.max_false_reject < 1, "at least 0 and below 1"),
            ("unknown.negatives", self.unknown.negatives != "", "generated, a folder or a data set's name"),
            ("input.height", (self.input.width == 0) == (self.input.height == 0), "set with input.width"),
            *(
                (f"augment.{key}", 0 <= getattr(self.augment, key) <= most, f"0 to {most:g}")
                for key, most in _MOST_CHANGE.items()
            ),
        ]
        for key, holds, expected in checks:
            if not holds:
                section, _, name = key.partition(".")
                value = getattr(getattr(self, section), name)
                raise RecipeError(f"{key} is {value!r}, expected {expected}")

    def as_dict(self) -> dict[str, Any]:
        """Return the recipe as plain tables, as in its file."""
        return dataclasses.asdict(self)


def recipe_folders() -> list[Path]:
    """Return where shipped recipes lie: in the installed package, in the repository."""
    package = Path(__file__).parent
    return [f for f in (package / "recipes", package.parent / "recipes") if f.is_dir()]


def shipped_recipes() -> dict[str, Path]:
    """Return the shipped recipes by name."""
    return {p.stem: p for f in reversed(recipe_folders()) for p in sorted(f.glob("*.toml"))}


def read_recipe(name_or_path: str, overrides: list[str] | None = None) -> Recipe:
    """Read a recipe.

    Parameters
    ----------
    name_or_path
        A TOML file, or a shipped recipe's name.
    overrides
        `key=value` texts such as `train.epochs=3`; a key without its section is enough where it is the only
        one of that name.

    Raises
    ------
    RecipeError
        The message names the key, and the nearest known one.
    """
    shipped = shipped_recipes()
    path = shipped.get(name_or_path, Path(name_or_path))
    if not os.path.isfile(path):  # noqa: PTH113 - pathlib's raises where a folder may not be entered
        raise RecipeError(
            f"no recipe {name_or_path!r}: give a .toml file, a folder of pictures, or one of "
            f"{', '.join(sorted(shipped))}"
        )
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is no TOML file: {error}") from error
    except OSError as error:
        raise RecipeError(f"{path} can't be read: {error.strerror}") from error
    tables.setdefault("name", path.stem)
    for override in overrides or []:
        _override(tables, override)
    recipe = _build(Recipe, tables, "")
    assert isinstance(recipe, Recipe)  # noqa: S101 - for the type checker
    return recipe


def known_keys() -> list[str]:
    """Return every key of a recipe, with its section: `train.epochs`."""
    keys = []
    for top in dataclasses.fields(Recipe):
        section = get_type_hints(Recipe)[top.name]
        if dataclasses.is_dataclass(section):
            keys += [f"{top.name}.{f.name}" for f in dataclasses.fields(section)]
        else:
            keys.append(top.name)
    return keys


_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}


def _override(tables: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals:
        raise RecipeError(f"--set {override!r}: expected key=value, such as train.epochs=3")
    full = [k for k in known_keys() if k == key] or [k for k in known_keys() if k.split(".")[-1] == key]
    if len(full) != 1:
        raise RecipeError(_unknown(key, full))
    section, _, last = full[0].rpartition(".")
    try:
        value = tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        value = text
    table = tables.setdefault(section, {}) if section else tables
    if isinstance(table, dict):  # else the file is wrong itself, which is said when it is built
        table[last] = value


def _unknown(key: str, candidates: list[str]) -> str:
    if len(candidates) > 1:
        return f"the key {key!r} is in several sections: write {' or '.join(candidates)}"
    keys = known_keys()
    near = difflib.get_close_matches(key, keys, 1, 0.5)
    if not near:
        short = difflib.get_close_matches(
            key.rpartition(".")[2], [k.rpartition(".")[2] for k in keys], 1, 0.4
        )
        near = [k for k in keys if short and k.rpartition(".")[2] == short[0]]
    hint = f": did you mean {near[0]!r}?" if near else f": the keys are {', '.join(keys)}"
    return f"a recipe has no key {key!r}{hint}"


def _build(kind: Any, table: Any, section: str) -> Any:
    """Make the dataclass `kind` from a table, checking every key and type."""
    if not isinstance(table, dict):
        raise RecipeError(f"[{section}] must be a table of keys, got {table!r}")
    hints = get_type_hints(kind)
    values = {}
    for key, value in table.items():
        full = f"{section}.{key}" if section else key
        if key not in hints:
            raise RecipeError(_unknown(full, []))
        values[key] = _value(hints[key], value, full)
    return kind(**values)


def _value(hint: Any, value: Any, key: str) -> Any:
    if dataclasses.is_dataclass(hint):
        return _build(hint, value, key)
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            near = difflib.get_close_matches(str(value), get_args(hint), 1, 0.5)
            did = f"; did you mean {near[0]!r}?" if near else ""
            raise RecipeError(f"{key} is {value!r}, expected one of {', '.join(get_args(hint))}{did}")
        return value
    if get_origin(hint) is tuple:
        if not isinstance(value, list) or not all(type(v) is int for v in value):
            raise RecipeError(f"{key} is {value!r}, expected a list of whole numbers such as [32, 64]")
        return tuple(value)
    if hint is float and type(value) is int:
        value = float(value)
    if type(value) is not hint:
        raise RecipeError(f"{key} is {value!r}, expected {_WORDS[hint]}")
    return value
