import pickle
from copy import deepcopy
from dataclasses import FrozenInstanceError, asdict, fields, replace

import pytest

from edgecnn.errors import RecipeError
from edgecnn_train.options import ProcessorKind, RecipeOptions
from edgecnn_train.recipe import AugmentSpec, TrainSpec
from edgecnn_train.recipe_file import known_keys, read_recipe, shipped_recipes


def test_shipped_recipes_are_read_by_name():
    assert set(shipped_recipes()) == {
        "cifar10", "digits", "fashion", "mnist", "mnist-classic", "photos", "scratch", "signs", "waste",
    }  # fmt: skip
    for name in shipped_recipes():
        assert read_recipe(name).name == name


def test_the_classic_recipe_is_exactly_the_textbooks():
    recipe = read_recipe("mnist-classic")
    assert (recipe.input.width, recipe.input.height, recipe.input.color) == (28, 28, "gray")
    assert recipe.model.filters == (32, 64)
    assert (recipe.model.kernel, recipe.model.pool, recipe.model.dense) == (3, "max", (64,))
    assert (recipe.model.activation, recipe.model.dropout) == ("relu", 0.0)
    train = recipe.train
    assert (train.optimizer, train.loss) == ("adam", "sparse_categorical_crossentropy")
    assert (train.batch_size, train.epochs, train.schedule) == (32, 10, "constant")


def test_settings_override_the_file():
    recipe = read_recipe(
        "mnist-classic",
        ["train.epochs=3", "learning_rate=1", "model.filters=[8]", "pool=average", "augment.flip=true"],
    )
    assert recipe.train.epochs == 3
    assert recipe.train.learning_rate == 1.0
    assert recipe.model.filters == (8,)
    assert recipe.model.pool == "average"
    assert recipe.augment.flip is True


@pytest.mark.parametrize(
    ("setting", "parts"),
    [
        ("train.epoch=3", ["'train.epoch'", "'train.epochs'"]),
        ("epochz=3", ["'epochz'", "'train.epochs'"]),
        ("train.optimiser=adam", ["'train.optimizer'"]),
        ("optimizer=adan", ["train.optimizer is 'adan'", "did you mean 'adam'"]),
        ("train.epochs=many", ["train.epochs is 'many'", "a whole number"]),
        ("train.epochs=0", ["train.epochs is 0", "1 or more"]),
        ("train.epochs=true", ["train.epochs is True"]),
        ("model.filters=32", ["list of whole numbers"]),
        ("model.dropout=1.5", ["below 1"]),
        ("augment.noise=nan", ["augment.noise is nan", "0 to 255"]),
        ("input.width=0", ["input.height", "both input.width and input.height"]),
        ("synthetic_frames=-1", ["0 or more"]),
        ("false_accept=1.5", ["unknown.false_accept is 1.5", "0 to 1"]),
        ("max_false_reject=1", ["unknown.max_false_reject is 1.0", "below 1"]),
        ("negatives=", ["unknown.negatives is ''", "a folder or a dataset"]),
        ("background_class=yes", ["unknown.background_class is 'yes'", "true or false"]),
        ("train=3", ["'train'"]),
        ("width", ["expected key=value"]),
    ],
)
def test_a_wrong_setting_names_the_key_and_what_was_expected(setting, parts):
    with pytest.raises(RecipeError) as error:
        read_recipe("mnist-classic", [setting])
    for part in parts:
        assert part in str(error.value)


def test_a_file_of_ones_own_is_named_after_itself(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("[train]\nepochs = 2\n")
    assert read_recipe(str(path)).name == "mine"
    path.write_text("[train]\nepoch = 2\n")
    with pytest.raises(RecipeError, match="did you mean 'train.epochs'"):
        read_recipe(str(path))
    path.write_text("train = 2\n")
    with pytest.raises(RecipeError, match=r"\[train\] must be a table"):
        read_recipe(str(path))
    path.write_text("[train")
    with pytest.raises(RecipeError, match="no TOML"):
        read_recipe(str(path))


def test_a_missing_recipe_names_those_that_exist():
    with pytest.raises(RecipeError, match="digits, fashion, mnist, mnist-classic, photos"):
        read_recipe("nowhere")


def test_every_key_is_known_by_its_section():
    assert {"name", "train.epochs", "model.filters", "augment.rotate"} <= set(known_keys())


def test_robust_adds_the_changes_of_its_section():
    plain = read_recipe("digits", ["robust.noise=40", "augment.blur=1.5", "robust.blur=0"])
    robust = plain.robustly()
    assert (robust.augment.noise, robust.augment.blur) == (40, 1.5)
    assert robust.augment.paper
    assert robust.augment.speckle == plain.robust.speckle == 0, "a section of its own replaces the default"
    assert read_recipe("digits").robustly().augment.speckle > 0


def test_long_lines_are_not_parsed(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("[train]\n" + "a." * 30_000 + "b = 1\n")
    with pytest.raises(RecipeError, match="line 2 has more than 1,000 characters"):
        read_recipe(str(path))
    with pytest.raises(RecipeError, match="has 20,002 characters, expected at most 10,000"):
        read_recipe("photos", ["train.teachers=[" + "'xx'," * 4_000 + "]"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[train]\nlearning_rate = inf\n", "train.learning_rate is inf, expected above 0, up to 1000"),
        ("[train]\nepochs = 1979-05-27\n", r"train.epochs is datetime.date\(1979, 5, 27\)"),
        ("[train]\nseed = " + "9" * 900, "train.seed is 9+…, expected a number of at most"),
        ("[model]\nfilters = " + "[" * 900 + "]" * 900, "more than 1,000 characters"),
        (
            "[model]\nfilters = " + "[" * 450 + "]" * 450,
            "(no recipe: its values are nested too deeply|expected a list)",
        ),
        ("[model]\ndense = [" + "1," * 200 + "]", "model.dense has 200 values, expected at most 100"),
        ('title = "\\u001b[2J"', r"title is '\\x1b\[2J', expected a text that can be printed"),
        ("name = '../x'", "name is '../x', expected 1 to 60 characters and no /"),
        ("name = ''", "name is ''"),
    ],
)
def test_hostile_values_are_one_line_with_file_and_key(tmp_path, text, said):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=f"^{path}.*{said}") as error:
        read_recipe(str(path))
    assert len(str(error.value)) < 400


@pytest.mark.parametrize(("name", "what"), [("x.png", "is an image"), ("x.toml", "is no text in UTF-8")])
def test_what_is_no_text_is_said_in_plain_words(tmp_path, name, what):
    path = tmp_path / name
    path.write_bytes(b"\x89PNG\r\n")
    with pytest.raises(RecipeError, match=f"{what}: give a recipe .* or a folder") as failed:
        read_recipe(str(path))
    assert "codec" not in str(failed.value)


def test_values_are_checked_when_a_recipe_is_made_or_changed_in_python():
    recipe = read_recipe("photos")
    with pytest.raises(RecipeError, match="train.epochs is 0, expected 1 or more"):
        replace(recipe.train, epochs=0)
    with pytest.raises(RecipeError, match="train.freeze is 9, expected 0 to train.epochs"):
        TrainSpec(epochs=5, freeze=9)
    with pytest.raises(RecipeError, match="robust.noise is -1.0, expected 0 to 255"):
        replace(recipe, robust=AugmentSpec(noise=-1.0))
    with pytest.raises(RecipeError, match="no key 'train.epoch'"):
        TrainSpec(epoch=1)


def test_the_amounts_of_augmentation_are_a_frozen_dataclass():
    amounts = AugmentSpec(noise=3.0)
    changed = replace(amounts, flip=True)
    assert (changed.noise, changed.flip, changed.blur, amounts.flip) == (3.0, True, 0.0, False)
    assert {"noise", "clean", "mixup"} <= {f.name for f in fields(AugmentSpec)} == asdict(amounts).keys()
    assert (changed == AugmentSpec(noise=3.0, flip=True)) & (hash(changed) != hash(amounts))
    assert deepcopy(changed) == pickle.loads(pickle.dumps(changed)) == changed
    with pytest.raises(FrozenInstanceError):
        amounts.noise = 1.0
    with pytest.raises(TypeError, match="nois"):
        AugmentSpec(nois=1.0)
    with pytest.raises(AttributeError):
        amounts.nois  # noqa: B018


def test_a_trunk_brings_the_training_that_suits_it_and_takes_it_away_again():
    photos, scratch, signs = (read_recipe(name) for name in ("photos", "scratch", "signs"))
    assert photos.model.trunk == "efficientnet_lite0"
    assert scratch.model.trunk == "none"
    without = read_recipe("photos", ["model.trunk=none", "train.epochs=3"])
    assert (without.model, without.input) == (scratch.model, scratch.input)
    assert without.train == replace(scratch.train, epochs=3), "a key that is given stays"
    assert without.name == "photos"
    other = read_recipe("photos", ["family=ds_cnn"])
    assert (other.model.family, other.model.trunk, other.train) == ("ds_cnn", "none", scratch.train)
    given = read_recipe("signs", ["trunk=mobilenet_v2"])
    assert given.model == replace(photos.model, trunk="mobilenet_v2")
    assert (given.train, given.input) == (photos.train, photos.input)
    assert (given.augment, given.data) == (signs.augment, signs.data)
    assert read_recipe("photos", ["trunk=mobilenet_v2"]).train == photos.train
    assert read_recipe("signs", ["trunk=none"]) == signs
    with pytest.raises(
        RecipeError, match="model.trunk is 'resnet50', expected one of none, efficientnet_lite0"
    ):
        read_recipe("photos", ["trunk=resnet50"])


def test_a_processor_changes_what_it_needs_and_a_setting_has_the_last_word():
    def bits(*settings, processor=ProcessorKind.avx2):
        overrides = RecipeOptions(processor=processor, settings=list(settings)).overrides
        return read_recipe("digits", overrides).quantize.weight_bits

    assert bits(processor=None) == 8
    assert bits() == 7
    assert bits("quantize.weight_bits=7", processor=None) == 7
    assert read_recipe("waste").quantize.weight_bits == 7
    overrides = RecipeOptions(processor=ProcessorKind.vnni).overrides
    assert read_recipe("waste", overrides).quantize.weight_bits == 8
    assert bits("quantize.weight_bits=8") == 8


@pytest.mark.parametrize("bits", ["6", "9", "0", "true", '"7"'])
def test_weights_use_seven_or_eight_bits(bits):
    with pytest.raises(RecipeError, match=r"quantize\.weight_bits"):
        read_recipe("digits", [f"quantize.weight_bits={bits}"])
