import json
import shutil

import pytest

from edgecnn.bundle import bundle
from edgecnn.errors import RecipeError
from edgecnn_train.adopt import adopted
from edgecnn_train.recipe_file import read_recipe


def test_a_recipe_takes_family_filters_and_colour_of_a_bundle():
    recipe = read_recipe("photos", adopted("cifar10"))
    assert recipe.model.family == "resnet"
    assert recipe.model.filters == (16, 32, 38)
    assert recipe.model.blocks == (0, 2, 2)
    assert recipe.model.dropout == 0.3, "the recipe's own"
    assert recipe.model.trunk == "none"
    assert recipe.input.color == "rgb"


def test_what_says_no_settings_is_one_line(tmp_path):
    with pytest.raises(RecipeError, match=r"\.keras file, which has no settings"):
        adopted("old.keras")
    copy = tmp_path / "foreign"
    shutil.copytree(bundle.find("digits"), copy)
    manifest = json.loads((copy / "bundle.json").read_text("utf-8"))
    del manifest["recipe"]
    (copy / "bundle.json").write_text(json.dumps(manifest), "utf-8")
    with pytest.raises(RecipeError, match="does not name the family of its network"):
        adopted(str(copy))


def test_adopt_needs_a_start(run_cli, tmp_path):
    run_cli("train", tmp_path, "--adopt").fails("--adopt", "--from BUNDLE", code=2)
