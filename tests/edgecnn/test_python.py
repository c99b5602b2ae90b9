"""What `import edgecnn` gives: images in any form, whole evaluations, cameras, training."""

import io
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import edgecnn
from edgecnn.errors import ImageError, MissingExtra, RecipeError
from edgecnn.frame import Frame
from tests.conftest import draw_seven
from tests.images import digit, textured, write_digits

DOC = Path(__file__).parents[2] / "docs" / "python.md"


@pytest.fixture(scope="module")
def photo():
    """Three channels that differ, uint8 60×80×3 BGR, so that a wrong order shows."""
    grey = textured(80)[:60]
    return np.stack([grey, np.roll(grey, 9, 1) // 2, 255 - grey], axis=-1)


@pytest.fixture(scope="module")
def classifier():
    with edgecnn.load("cifar10") as opened:
        yield opened


@pytest.mark.parametrize("form", ["text", "path", "pil", "pil file", "rgb", "rgba", "list"])
def test_an_image_is_the_same_in_every_form(classifier, photo, tmp_path, form):
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), photo)
    rgb = photo[..., ::-1]
    rgba = np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])
    forms = {
        "text": lambda: classifier.classify(str(path)),
        "path": lambda: classifier.classify(path),
        "pil": lambda: classifier.classify(Image.fromarray(np.ascontiguousarray(rgb))),
        "rgb": lambda: classifier.classify(rgb, rgb=True),
        "rgba": lambda: classifier.classify(rgba, rgb=True),
        "list": lambda: classifier.classify([path])[0],
    }
    expected = classifier.classify(photo)
    assert expected != classifier.classify(rgb)
    if form == "pil file":
        with Image.open(path) as image:
            assert classifier.classify(image) == expected
    else:
        assert forms[form]() == expected


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "I;16"])
def test_pil_images_of_any_mode_are_read_as_their_files(classifier, photo, mode):
    grey = Image.fromarray(photo[..., 0])
    if mode == "I;16":
        image = Image.fromarray(photo[..., 0].astype(np.uint16) * 257)
    else:
        image = (grey if mode in ("L", "1") else Image.fromarray(photo)).convert(mode)
    if mode == "RGBA":
        image.putalpha(grey)
    buffer = io.BytesIO()
    image.save(buffer, "png")
    assert image.mode == mode
    from edgecnn.image.file import decode_image

    assert classifier.classify(image) == classifier.classify(decode_image(buffer.getvalue(), "it"))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pil_images_are_turned_as_their_files(classifier, photo, tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "turned.png"
    Image.fromarray(photo).save(path, exif=exif)
    with Image.open(path) as image:
        assert classifier.classify(image) == classifier.classify(path)


def test_a_list_has_an_answer_for_each(classifier, photo):
    assert classifier.classify([photo, photo[:, ::-1]], 2) == [
        classifier.classify(photo, 2), classifier.classify(np.ascontiguousarray(photo[:, ::-1]), 2)
    ]  # fmt: skip
    assert classifier.classify(()) == []


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (None, "an image is None"),
        (7, "of type int, expected a path"),
        ("nowhere.jpg", "nowhere.jpg can't be read"),
        (["nowhere.jpg"], "image 0 of the list: nowhere.jpg"),
        ([[1, 2]], "image 0 of the list: an image is of type list"),
        (Image.new("F", (8, 8)), "mode F, whose values have no known range"),
        (np.zeros((4, 4), np.float32), "must be a uint8 array"),
    ],
    ids=["none", "number", "missing", "missing in a list", "numbers", "floats in PIL", "floats"],
)
def test_what_is_no_image_is_named(classifier, image, words):
    with pytest.raises(ImageError, match=words):
        classifier.classify(image)


def test_pil_is_not_imported(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), draw_seven())
    code = f"""import sys, edgecnn
assert not {{"numpy", "cv2", "typing_extensions", "edgecnn.classify.loader"}} & set(sys.modules)
with edgecnn.load("digits") as classifier:
    print(classifier.classify({str(tmp_path / "a.png")!r}, 1)[0].label)
assert "PIL" not in sys.modules"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.stderr) == ("7\n", "")


def test_objects_say_what_they_are_in_a_line(classifier, photo):
    result = classifier.classify_frame(Frame(photo, 0, 3, "a\nb.jpg"), 2)
    said = {name: repr(it) for name, it in (("frame", result.frame), ("result", result))}
    said |= {"classifier": repr(classifier), "bundle": repr(classifier.model.bundle)}
    assert said["frame"] == "Frame(80×60 pixels, 3 of a␊b.jpg)"
    best = result.predictions[0]
    assert said["result"].startswith(f"Result({result.label}: {best.label} {best.score:.3f}, ")
    assert "; 3 of a␊b.jpg, " in said["result"]
    assert said["classifier"] == "Classifier(cifar10 int8 on litert, 1 thread: 10 classes, 32×32 rgb)"
    assert said["bundle"].startswith("Bundle(cifar10: 10 classes, 32×32 rgb; int8 95 KiB, ")
    for text in said.values():
        assert len(text) < 160
        assert text.isprintable()
    assert str(result) == repr(result)


@pytest.mark.parametrize(
    "code",
    re.findall(r"```python\n(.*?)```", DOC.read_text("utf-8"), re.DOTALL),
    ids=["images", "camera", "loop", "asyncio", "evaluating"],
)
def test_what_its_page_shows_runs(code, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("seven.png", draw_seven())
    write_digits(tmp_path / "mnist")
    exec(compile(code, "python.md", "exec"), {})
    assert capsys.readouterr().out


@pytest.fixture
def drawn(tmp_path):
    for label in "17":
        (tmp_path / "drawn" / label).mkdir(parents=True)
        for k in range(4):
            cv2.imwrite(str(tmp_path / "drawn" / label / f"{k}.png"), digit(label, np.random.default_rng(k)))
    return tmp_path / "drawn"


def test_a_model_is_evaluated_by_name(drawn):
    found = edgecnn.evaluate("digits", drawn)
    assert (list(found.variants), found.pictures, found.data) == (["int8", "float32"], 8, "drawn")
    assert found.variants["int8"].top1 > 0.7


def test_an_open_classifier_is_evaluated_alone_and_stays_open(drawn):
    with edgecnn.load("digits", "float32") as opened:
        found = edgecnn.evaluate(opened, str(drawn), limit=2, corruptions=["contrast"])
        assert opened.classify(draw_seven(), 1)[0].label == "7"
    assert (list(found.variants), found.pictures, list(found.corrupted)) == (["float32"], 2, ["contrast"])


def test_a_camera_is_opened_by_name(classifier):
    with edgecnn.open_camera("synthetic:fps=0,seed=4") as camera:
        assert classifier.classify(camera.read().pixels, 1)


def test_training_without_its_extra_says_how_to_get_it(monkeypatch, drawn):
    from edgecnn_train import training

    monkeypatch.setattr(training.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'edgecnn\[train\]'"):
        edgecnn.train(drawn)


def test_training_takes_what_the_command_takes(monkeypatch, drawn, tmp_path):
    from edgecnn_train import training

    asked = []
    monkeypatch.setattr(training, "train_recipe", lambda *a, **k: asked.append((a, k)))
    edgecnn.train(drawn, out=tmp_path / "mine", epochs=2, settings={"input.width": 32, "data.name": "x"})
    ((text, data, out, overrides), options) = asked[0]
    assert (text, data, out) == (str(drawn), None, tmp_path / "mine")
    assert overrides == ["input.width=32", "data.name=x", "train.epochs=2"]
    assert options["allowed_drop"] == 1.0


def test_a_wrong_setting_is_refused_before_anything_is_loaded(drawn):
    with pytest.raises(RecipeError, match="widht"):
        edgecnn.train(drawn, settings={"input.widht": 32})


@pytest.mark.parametrize("top", [0, -1, 1.5, "3"])
def test_a_number_of_classes_that_is_none_is_one_line(top, seven):
    with edgecnn.load() as classifier, pytest.raises(edgecnn.EdgeCnnError, match=r"^top is .*, expected"):
        classifier.classify(str(seven), top)
