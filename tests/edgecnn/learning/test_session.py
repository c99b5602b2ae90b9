import hashlib
import json
import os
import shutil
from collections import Counter

import cv2
import numpy as np
import pytest

import edgecnn
from edgecnn.errors import AnswerError, DataError, ImageError, ModelError, OptionError, OutputError
from edgecnn.evaluation.held_out import held_out
from edgecnn.frame import Frame
from edgecnn.learning.session import default_name
from edgecnn.tflite.builder import GraphBuilder, dense_options, reshape_options
from edgecnn.tflite.file import read_tflite
from tests.edgecnn.tflite.test_builder import run
from tests.models import edited, preceded
from tests.trunks import RANGE, photo, tiny_float, tiny_int8, write_classes

THREE = dict.fromkeys(("red", "yellow", "green"), 12)


def learn(folder, trunk, out=None, **options):
    """Learn without anything said; the bundle goes next to the photos."""
    options.setdefault("value_range", RANGE)
    return edgecnn.learn(folder, out or folder.parent / "model", trunk=trunk, **options)


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """Three classes of twelve photos, learned once with a trunk that is int8 alone."""
    folder = tmp_path_factory.mktemp("learned")
    trunk = folder / "tiny.tflite"
    trunk.write_bytes(tiny_int8())
    write_classes(folder / "photos", THREE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        lines: list[str] = []
        found = learn(folder / "photos", trunk, say=lines.append)
    return folder, found, lines


def test_the_bundle_answers_as_its_judgement_says(learned):
    folder, found, _ = learned
    assert found.bundle.folder == folder / "model"
    assert found.bundle.labels == ("green", "red", "yellow")
    assert found.judged.photos == 36
    assert found.judged.folds == 5
    assert found.judged.top1 > 0.75
    with edgecnn.load(found.bundle.folder) as model:
        paths = [p for name in THREE for p in sorted((folder / "photos" / name).iterdir())]
        right = [model.classify(p)[0].label == p.parent.name for p in paths]
    assert np.mean(right) >= found.judged.top1, "it was taught them"


def test_the_bundle_states_what_was_judged(learned):
    judged, stated = learned[1].judged, held_out(learned[1].bundle)
    assert (stated.accuracy, stated.images) == (judged.top1, judged.photos)
    assert (stated.low, stated.high) == pytest.approx(judged.interval, abs=1e-4)


def test_files_are_those_of_a_bundle_and_no_photo_is_among_them(learned):
    folder, found, _ = learned
    names = {p.name for p in found.bundle.folder.iterdir()}
    assert names == {"bundle.json", "CARD.md", "int8.tflite", "labels.txt"}
    card = (found.bundle.folder / "CARD.md").read_text("utf-8")
    assert "data:image" not in card
    assert "There is no float32 variant: the trunk tiny has int8 weights only." in card
    assert "trunk `tiny`, cut at `embedding` (48 values)".lower() in card.lower()
    page = found.report.read_text("utf-8")
    assert page.count("data:image") >= len(found.judged.wrong)
    assert found.report == folder / "model.report.html"
    assert {p.name for p in folder.iterdir()} == {
        "cache", "model", "model.report.html", "photos", "tiny.tflite"
    }  # fmt: skip


def test_the_manifest_says_how_it_was_learned(learned):
    _, found, _ = learned
    document = json.loads((found.bundle.folder / "bundle.json").read_text("utf-8"))
    assert document["output"] == "probabilities"
    confidence = document["confidence"]
    assert confidence["unknown"]["nearness"] == "nearness"
    assert confidence["unknown"]["background"] is None
    threshold = confidence["variants"]["int8"]["nearness"]
    assert -1 <= threshold <= 1
    assert threshold * 128 == int(threshold * 128)
    learning = document["learning"]
    assert learning["trunk_sha256"] == hashlib.sha256(tiny_int8()).hexdigest()
    assert learning["photos"] == {"green": 12, "red": 12, "yellow": 12}
    assert (learning["cut"], learning["seed"]) == ("embedding", 0)
    assert [p["photos"] for p in learning["curve"]] == [5, 9]
    assert document["accuracy"]["folds"] == {"count": 5}
    assert document["accuracy"]["test_pictures"] == 36
    assert document["variants"]["int8"]["accuracy"] == pytest.approx(found.judged.top1)
    file = read_tflite((found.bundle.folder / "int8.tflite").read_bytes(), "x")
    assert [t.name for t in file.outputs] == ["probabilities", "nearness"]
    assert file.outputs[1].shape == (1, learning["prototypes"])


def test_what_is_returned_reads_well(learned):
    _, found, lines = learned
    assert found.advice.startswith(("Twice the photos", "More photos"))
    assert len(found.photos) == 36
    assert Counter(p.split("/")[0] for p in found.photos) == THREE
    assert [p.photos for p in found.curve] == [5, 9], "four fifths of twelve"
    assert lines[0] == "embedding 36 photos; those of earlier runs are kept"
    assert lines[1] == "3 classes, 36 photos to learn from; trunk tiny"
    assert lines[-1].startswith("published ")


def test_the_same_seed_gives_the_same_bytes(learned, tiny, tmp_path):
    folder, found, _ = learned
    again = learn(folder / "photos", tiny, tmp_path / "again")
    for name in ("int8.tflite", "labels.txt"):
        both = [one.bundle.folder / name for one in (again, found)]
        assert both[0].read_bytes() == both[1].read_bytes(), name
    assert again.judged.confusion.tolist() == found.judged.confusion.tolist()
    assert again.curve == found.curve


@pytest.mark.slow
def test_embeddings_are_computed_once(tiny, tmp_path):
    folder = write_classes(tmp_path / "photos", {"a": 5, "b": 5})
    lines: list[str] = []
    learn(folder, tiny, say=lines.append)
    learn(folder, tiny, say=lines.append)
    write_classes(folder, {"a": 1, "b": 0}, seed=3, first=5)
    learn(folder, tiny, say=lines.append)
    told = [line for line in lines if line.startswith("2 classes")]
    assert [line.endswith("all embedded before") for line in told] == [False, True, False]


@pytest.mark.slow
def test_another_bundle_replaces_the_one_that_is_there(tiny, tmp_path):
    folder = write_classes(tmp_path / "photos", {"a": 4, "b": 4})
    learn(folder, tiny)
    lines: list[str] = []
    write_classes(folder, {"a": 0, "b": 0, "c": 4})
    assert learn(folder, tiny, say=lines.append).bundle.labels == ("a", "b", "c")
    assert lines[0].endswith("will be replaced when this one is ready")


@pytest.mark.slow
def test_twenty_classes_and_two(tiny, tmp_path):
    many = write_classes(tmp_path / "many", {f"class {k:02}": 4 for k in range(20)})
    found = learn(many, tiny)
    assert len(found.bundle.labels) == 20
    assert found.judged.confusion.shape == (20, 20)
    assert found.judged.top1 > 0.15, "three times of guessing"
    two = learn(write_classes(tmp_path / "two", {"a": 6, "b": 6}), tiny)
    assert two.bundle.labels == ("a", "b")


@pytest.mark.slow
def test_classes_of_unequal_size_are_both_found(tiny, tmp_path):
    found = learn(write_classes(tmp_path / "photos", {"few": 5, "many": 200}), tiny)
    few, many = found.judged.confusion
    assert (few.sum(), many.sum()) == (5, 200)
    assert few[0] >= 3, "every class counts the same"
    assert many[1] > 180


def test_a_class_with_too_few_photos_is_named(tiny, tmp_path):
    folder = write_classes(tmp_path / "photos", {"cups": 5, "pens": 1})
    with pytest.raises(DataError, match=r"^the class 'pens' has 1 photo, expected at least 3, better 20"):
        learn(folder, tiny)
    assert not (tmp_path / "model").exists()
    write_classes(folder, {"cups": 0, "pens": 2}, first=1)
    (folder / "pens" / "0.png").write_bytes(b"no image")
    with pytest.raises(DataError, match="the class 'pens' has 2 readable photos"):
        learn(folder, tiny)


def test_photos_that_can_not_be_read_are_skipped_and_said(tiny, tiny_float_file, tmp_path):
    folder = write_classes(tmp_path / "photos", {"a": 6, "b": 6})
    whole = (folder / "a" / "0.png").read_bytes()
    (folder / "a" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "b" / "empty.jpg").write_bytes(b"")
    for trunk in (tiny, tiny_float_file):
        lines: list[str] = []
        found = learn(folder, trunk, say=lines.append)
        assert len(found.photos) == 12
        assert sum(line.startswith("skipped: ") for line in lines) == 2
        document = json.loads((found.bundle.folder / "bundle.json").read_text())
        assert document["data"]["skipped"] == 2


def test_gray_and_transparent_photos_are_learned(tiny, tmp_path):
    folder = write_classes(tmp_path / "photos", {"a": 4, "b": 4})
    rng = np.random.default_rng(0)
    for k in range(3):
        gray = cv2.cvtColor(photo(0, rng), cv2.COLOR_BGR2GRAY)
        cv2.imwrite(str(folder / "a" / f"gray-{k}.png"), gray)
        clear = np.dstack([photo(1, rng), np.full((48, 64), 120, np.uint8)])
        cv2.imwrite(str(folder / "b" / f"clear-{k}.png"), clear)
    assert len(learn(folder, tiny).photos) == 14


def test_an_official_test_split_is_measured_and_not_taught(tiny, tmp_path):
    folder = tmp_path / "photos"
    write_classes(folder / "train", THREE)
    write_classes(folder / "test", dict.fromkeys(THREE, 7), seed=9)
    found = learn(folder, tiny)
    assert (found.judged.folds, found.judged.photos) == (0, 21)
    assert not [p for p in found.photos if p.startswith("test")]
    assert found.judged.top1 > 0.6
    document = json.loads((found.bundle.folder / "bundle.json").read_text())
    assert document["accuracy"]["folds"] is None
    card = (found.bundle.folder / "CARD.md").read_text()
    assert "The photos of the test split taught nothing and decided nothing." in card
    before = (found.bundle.folder / "int8.tflite").read_bytes()
    # The same photos, all mixed up in the test: the accuracy follows, the model does not.
    names = sorted(THREE)
    for name in names:
        (folder / "test" / name).rename(folder / "test" / f"old-{name}")
    for name, other in zip(names, [*names[1:], names[0]], strict=True):
        (folder / "test" / f"old-{name}").rename(folder / "test" / other)
    mixed = learn(folder, tiny)
    assert mixed.judged.top1 < 0.4
    assert (mixed.bundle.folder / "int8.tflite").read_bytes() == before


def test_test_photos_that_are_taught_too_are_said(tiny, tmp_path):
    folder = write_classes(tmp_path / "photos" / "train", THREE).parent
    shutil.copytree(folder / "train", folder / "test")
    found = learn(folder, tiny)
    assert found.judged.familiar == found.judged.photos
    card = (found.bundle.folder / "CARD.md").read_text()
    assert f"{found.judged.photos} of the {found.judged.photos} photos that measured it are nearly" in card


def test_near_duplicates_in_different_folds_are_said(tiny, tmp_path):
    """A class of one scene alone can't be tested in another way."""
    folder = write_classes(tmp_path / "photos", {"a": 5, "b": 5})
    for k in range(1, 5):
        shutil.copy(folder / "b" / "0.png", folder / "b" / f"{k}.png")
    found = learn(folder, tiny)
    assert found.judged.familiar >= 5
    card = (found.bundle.folder / "CARD.md").read_text()
    assert "near duplicates are in different folds where a class has nothing else" in card
    assert "near duplicates are in the same fold" not in card


def test_photos_of_other_things_become_a_class_that_is_unknown(tiny, tmp_path):
    folder = write_classes(tmp_path / "photos", {"a": 8, "b": 8})
    others = write_classes(tmp_path / "others", {"x": 0, "y": 0, "z": 0, "c": 6, "d": 6})
    found = learn(folder, tiny, negatives=others)
    assert found.bundle.labels == ("a", "b", "background")
    document = json.loads((found.bundle.folder / "bundle.json").read_text())
    assert document["confidence"]["unknown"]["background"] == "background"
    assert found.judged.confusion.sum() == 16, "accuracy is that of the classes"
    assert found.judged.accepted is not None
    assert document["accuracy"]["accepted"] == found.judged.accepted
    with edgecnn.load(found.bundle.folder) as model:
        answers = [model.knows(model.classify(p)) for p in sorted((others / "c").iterdir())]
    assert np.mean(answers) <= 0.5


def test_names_of_photos_do_not_break_the_card(tiny, tmp_path):
    """Not by a new line, an escape sequence, Markdown or bytes that are no UTF-8, and no folder is shown."""
    folder, others = write_classes(tmp_path / "photos", THREE), tmp_path / "other"
    others.mkdir()
    names = (b"\xff.png", b"new\nline.png", b"\x1b[2J.png", b"`<img src=x>`.png")
    for name in names:
        shutil.copy(folder / "red" / "0.png", os.fsencode(others) + b"/" + name)
    found = learn(folder, tiny, negatives=others)
    card = (found.bundle.folder / "CARD.md").read_text()
    for shown in (
        "`other/\\udcff.png`",
        "`other/new␊line.png`",
        "`other/␛[2J.png`",
        "`other/'<img src=x>'.png`",
    ):
        assert shown in card
    assert str(tmp_path) not in card
    assert "\x1b" not in card


@pytest.mark.parametrize("name", ["background", "Unknown"])
def test_a_class_that_is_called_so_is_the_background(tiny, tmp_path, name):
    found = learn(write_classes(tmp_path / "photos", {"a": 6, "b": 6, name: 6}), tiny)
    document = json.loads((found.bundle.folder / "bundle.json").read_text())
    assert document["confidence"]["unknown"]["background"] == name
    assert found.judged.confusion.sum() == 12


@pytest.mark.slow
def test_a_mirror_is_no_view_where_it_shows_something_else(tiny, tmp_path):
    folder = write_classes(tmp_path / "photos", {"a": 5, "b": 5})
    for flip in (True, False):
        document = learn(folder, tiny, flip=flip).bundle.folder / "bundle.json"
        views = json.loads(document.read_text())["learning"]["views"]
        assert views in (
            [["plain"], ["plain", "mirror", "closer"]] if flip else [["plain"], ["plain", "closer"]]
        )


def test_a_float_trunk_gets_int8_by_the_photos(tiny_float_file, tmp_path):
    folder = write_classes(tmp_path / "photos", THREE)
    found = learn(folder, tiny_float_file)
    assert set(found.bundle.variants) == {"int8", "float32"}
    assert read_tflite((found.bundle.folder / "int8.tflite").read_bytes(), "x").float_tensors == ()
    assert found.judged.agreement >= 0.9
    card = (found.bundle.folder / "CARD.md").read_text()
    assert "int8 and float32 give the same answer for" in card
    assert "of photos that the head had not seen" in card


def test_a_float_trunk_that_can_not_be_quantized_stays_float(tmp_path):
    from ai_edge_litert import schema_py_generated as schema

    trunk = tmp_path / "odd.tflite"
    trunk.write_bytes(preceded(tiny_float(), "NEG", [1, 32, 32, 3], options=schema.NegOptionsT()))
    lines: list[str] = []
    found = learn(write_classes(tmp_path / "photos", THREE), trunk, say=lines.append)
    assert set(found.bundle.variants) == {"float32"}
    assert "the model will be float32 alone: the network can't be quantized: NEG is not known here" in lines
    assert found.judged.top1 > 0.5


@pytest.mark.parametrize("weight", [1e38, 1e30])
def test_a_trunk_that_answers_no_numbers_is_refused(tmp_path, weight):
    graph = GraphBuilder()
    image = graph.tensor("image", (1, 32, 32, 3), "float32")
    rows = np.full((8, 32 * 32 * 3), weight, np.float32)
    flat = graph.operator(
        "RESHAPE", [image], graph.tensor("flat", (1, 3072), "float32"), reshape_options((1, 3072))
    )
    dense = [flat, graph.constant("weights", rows)]
    place = graph.operator(
        "FULLY_CONNECTED", dense, graph.tensor("embedding", (1, 8), "float32"), dense_options()
    )
    path = tmp_path / "damaged.tflite"
    path.write_bytes(graph.finish([image], [place], "damaged"))
    folder, lines = write_classes(tmp_path / "photos", THREE), []
    with pytest.raises(AnswerError, match="damaged answered NaN, infinity or huge values as an embedding"):
        learn(folder, path, cut="embedding", say=lines.append)


def test_a_learned_bundle_is_a_trunk(learned, tmp_path):
    _, before, _ = learned
    folder = write_classes(tmp_path / "photos", {"a": 5, "b": 5})
    found = edgecnn.learn(folder, tmp_path / "next", trunk=before.bundle.folder)
    assert found.bundle.labels == ("a", "b")
    assert found.bundle.input == before.bundle.input


def test_a_bundle_with_variants_of_other_names_is_a_trunk(learned, tmp_path):
    """Imported bundles may call a variant anything."""
    _, before, _ = learned
    mine = shutil.copytree(before.bundle.folder, tmp_path / "mine")
    document = json.loads((mine / "bundle.json").read_text())
    document["variants"] = {"small": document["variants"]["int8"]}
    for key in ("golden", "confidence", "files"):
        document.pop(key, None)
    (mine / "bundle.json").write_text(json.dumps(document))
    folder = write_classes(tmp_path / "photos", {"a": 5, "b": 5})
    assert set(edgecnn.learn(folder, tmp_path / "next", trunk=mine).bundle.variants) == {"int8"}


def test_trunks_that_can_not_be_used_are_refused(tmp_path, tiny, tiny_float_file):
    folder = write_classes(tmp_path / "photos", {"a": 4, "b": 4})
    with pytest.raises(ModelError, match="nothing to cut"):
        edgecnn.learn(folder, tmp_path / "m", trunk="digits")
    with pytest.raises(ModelError, match="did you mean 'efficientnet_lite0'"):
        edgecnn.learn(folder, tmp_path / "m", trunk="efficientnet_lite")
    with pytest.raises(ModelError, match="has no tensor 'nothing'"):
        learn(folder, tiny, cut="nothing")
    with pytest.raises(ModelError, match=r"--range"):
        learn(folder, tiny_float_file, value_range=None)
    left = {"photos", "tiny.tflite", "tiny-float.tflite"}
    assert {p.name for p in tmp_path.iterdir() if p.name != "cache"} == left


def test_a_trunk_whose_values_are_no_numbers_is_refused(tmp_path):
    def spoil(model, graph):
        bias = next(t for t in graph.tensors if t.name == b"last/bias")
        values = np.full(48, np.nan, "<f4").tobytes()
        model.buffers[bias.buffer].data = np.frombuffer(values, np.uint8)

    trunk = tmp_path / "nan.tflite"
    trunk.write_bytes(edited(tiny_float(), spoil))
    folder, lines = write_classes(tmp_path / "photos", {"a": 4, "b": 4}), []
    with pytest.raises(ModelError, match="the trunk nan answered NaN, infinity or huge values"):
        learn(folder, trunk, say=lines.append)
    assert lines == [
        "the model will be float32 alone: the network can't be quantized: last becomes NaN or infinity",
        "embedding 8 photos; those of earlier runs are kept",
    ]


@pytest.mark.slow
def test_photos_that_are_all_the_same_are_learned_as_guesses(tiny, tmp_path):
    for name in "ab":
        (tmp_path / "photos" / name).mkdir(parents=True)
        for k in range(5):
            cv2.imwrite(str(tmp_path / "photos" / name / f"{k}.png"), np.full((40, 40, 3), 77, np.uint8))
    found = learn(tmp_path / "photos", tiny)
    assert found.judged.top1 == 0.5
    assert "hardly better than guessing" in (found.bundle.folder / "CARD.md").read_text()


@pytest.mark.slow
def test_a_cut_can_be_named(tiny, tmp_path):
    folder = write_classes(tmp_path / "photos", {"a": 5, "b": 5})
    document = json.loads((learn(folder, tiny, cut="logits").bundle.folder / "bundle.json").read_text())
    assert document["learning"]["cut"] == "logits"


@pytest.mark.parametrize("content", ["a file of mine", None])
def test_what_a_user_wrote_is_never_replaced(tiny, tmp_path, content):
    folder, out = write_classes(tmp_path / "photos", {"a": 4, "b": 4}), tmp_path / "model"
    if content is None:
        (tmp_path / "model.report.html").write_text("mine")
    else:
        out.mkdir()
        (out / "notes.txt").write_text(content)
    with pytest.raises(OutputError, match="name another folder with --out"):
        learn(folder, tiny)
    assert sorted(p.name for p in out.parent.glob("model*")) == (
        ["model.report.html"] if content is None else ["model"]
    )
    assert not content or (out / "notes.txt").read_text() == content


def test_data_that_is_none_is_refused(tiny, tmp_path):
    with pytest.raises(DataError):
        learn(tmp_path / "nothing", tiny)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError):
        learn(tmp_path / "empty", tiny)
    folder = write_classes(tmp_path / "photos", {"a": 4, "b": 4})
    with pytest.raises(DataError, match=r"^no folder .*nothing.* --negatives"):
        learn(folder, tiny, negatives=tmp_path / "nothing")
    (tmp_path / "none").mkdir()
    with pytest.raises(ImageError, match="has no images in it"):
        learn(folder, tiny, negatives=tmp_path / "none")


@pytest.mark.slow
def test_groups_of_a_csv_are_never_on_both_sides_and_may_be_single(tiny, tmp_path):
    folder = write_classes(tmp_path / "photos", {"a": 9, "b": 9})
    rows = [f"{name}/{k}.png,{name},{name}{k // 3}" for name in "ab" for k in range(9)]
    (folder / "all.csv").write_text("\n".join(["path,label,group", *rows]) + "\n")
    assert learn(folder / "all.csv", tiny).judged.folds == 3
    single = [row.rpartition(",")[0] + f",{row[0]}" for row in rows]
    (folder / "all.csv").write_text("\n".join(["path,label,group", *single]) + "\n")
    assert learn(folder / "all.csv", tiny).judged.folds == 5


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("My Photos", "my-photos-model"),
        ("tools.zip", "tools-model"),
        ("ü b", "ü-b-model"),
        ("...", "photos-model"),
    ],
)
def test_a_bundle_is_called_as_its_photos(tmp_path, name, expected):
    assert default_name(tmp_path / name) == expected


def test_a_trunk_of_an_unknown_name_is_refused():
    from edgecnn.learning.pretrained import make_pretrained

    with pytest.raises(OptionError, match="no trunk 'x': choose one of efficientnet_lite0"):
        make_pretrained("x")


@pytest.mark.slow
def test_planted_photos_are_shown_to_be_looked_at_again(tiny, tmp_path):
    folder = write_classes(tmp_path / "photos", dict.fromkeys(THREE, 25))
    shutil.copy(folder / "green" / "3.png", folder / "red" / "planted.png")
    shutil.copy(folder / "yellow" / "4.png", folder / "yellow" / "copy.png")
    found = learn(folder, tiny)
    doubled = [{found.photos[p.first], found.photos[p.second]} for p in found.suspects.doubled]
    for pair in ({"green/3.png", "red/planted.png"}, {"yellow/4.png", "yellow/copy.png"}):
        assert pair in doubled[:2], "the most alike"
    assert found.suspects.doubled[0].cosine == pytest.approx(1, abs=1e-5)
    card = (found.bundle.folder / "CARD.md").read_text("utf-8")
    assert "`yellow/4.png` and `yellow/copy.png` are nearly the same photo." in card.replace(
        "`yellow/copy.png` and `yellow/4.png`", "`yellow/4.png` and `yellow/copy.png`"
    )
    assert "are nearly the same photo, in " in card
    assert "nearly the same as " in found.report.read_text("utf-8")


def test_an_image_is_unknown_where_no_prototype_is_near(learned):
    _, found, _ = learned
    document = json.loads((found.bundle.folder / "bundle.json").read_text("utf-8"))
    threshold = document["confidence"]["variants"]["int8"]["nearness"]
    data = (found.bundle.folder / "int8.tflite").read_bytes()
    rng = np.random.default_rng(0)
    images = [np.full((32, 32, 3), color, np.uint8) for color in ((0, 0, 0), (255, 255, 255), (9, 200, 9))]
    images += [np.full((32, 32, 3), rng.integers(0, 256, 3), np.uint8) for _ in range(20)]
    images += [cv2.resize(photo(k, rng), (32, 32)) for k in range(3)]
    near = [run(data, (i[None, ..., ::-1] ^ 128).view(np.int8))[1].max() / 128 for i in images]
    with edgecnn.load(found.bundle.folder) as model:
        labels = [model.classify_frame(Frame(image, 0, 0, "x")).label for image in images]
    assert [label == "unknown" for label in labels] == [n < threshold for n in near]
    assert {n < threshold for n in near} == {True, False}
