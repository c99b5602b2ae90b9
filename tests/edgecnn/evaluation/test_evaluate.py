import json
import unicodedata

import cv2
import numpy as np
import pytest

import edgecnn
from edgecnn.bundle.bundle import find, read_bundle
from edgecnn.bundle.manifest import Facts
from edgecnn.dataset import Item, open_source
from edgecnn.engine.fake import FakeEngine
from edgecnn.errors import AnswerError, DataError, LabelsError, ModelError, OptionError
from edgecnn.evaluation.corruption import CAPTURE, NAMES, SCENES, STANDARD
from edgecnn.evaluation.evaluate import choose, evaluate_variants, match_labels, seen_in_training, select
from edgecnn.evaluation.heatmap import draw_heatmap
from tests.models import nan_bundle


@pytest.fixture(scope="module")
def drawn(idx_folder):
    return open_source(idx_folder)


@pytest.fixture
def pair():
    with edgecnn.load("digits") as int8, edgecnn.load("digits", "float32") as float32:
        yield {"int8": int8, "float32": float32}


def test_it_counts_what_the_classifiers_say(drawn, pair):
    pair["fake"] = pair.pop("float32")
    pair["fake"].engine = FakeEngine(pair["fake"].model, "fake", 1)  # answers by brightness: mostly wrong
    items = select(drawn.items, None)
    result = evaluate_variants(pair, drawn, items, data="mnist")
    assert (result.model, result.data, result.pictures, result.skipped) == ("digits", "mnist", 200, ())
    assert result.corrupted == {}
    assert result.mean_under("int8") is None
    named = {n: [c.classify(drawn.read(i), 1)[0].index for i in items] for n, c in pair.items()}
    truth = [i.label for i in items]
    for name, score in result.variants.items():
        assert score.top1 == np.mean([a == t for a, t in zip(named[name], truth, strict=True)])
        for label in range(10):
            right = sum(a == t == label for a, t in zip(named[name], truth, strict=True))
            of_class = score.classes[str(label)]
            assert of_class.pictures == 20
            assert of_class.recall == right / 20
            called = named[name].count(label)
            assert of_class.precision == (right / called if called else None)
            assert score.confusion[label].sum() == 20
            assert score.confusion[label, label] == right
    assert result.variants["int8"].top1 > 0.9
    assert result.variants["fake"].top1 < 0.3
    assert result.agreement == np.mean([a == b for a, b in zip(*named.values(), strict=True)])


def test_corruptions_are_seeded_and_independent_of_the_other_images(drawn, pair):
    items = choose(select(drawn.items, "test"), 6)
    names = ["gaussian_noise", "second_object", "low_resolution"]
    result = evaluate_variants(pair, drawn, items, corruptions=names)
    assert list(result.corrupted) == names
    singly = [evaluate_variants(pair, drawn, [item], corruptions=names[::-1]) for item in reversed(items)]
    for name in names:
        for variant in pair:
            hits = np.mean([one.corrupted[name][variant] for one in singly], axis=0)
            assert result.corrupted[name][variant] == pytest.approx(hits.tolist())
    assert result.mean_under("int8") is None, "not all of the standard ones"


def test_all_corruptions_become_json_and_a_heat_map(drawn, pair):
    calls = []
    items = choose(select(drawn.items, "test"), 10)
    result = evaluate_variants(pair, drawn, items, data="mnist", corruptions=NAMES, progress=calls.append)
    assert calls == list(range(1, 11))
    found = json.loads(json.dumps(result.as_dict()))
    assert list(found) == [
        "model", "data", "pictures", "skipped", "labels", "variants", "agreement", "corruptions",
    ]  # fmt: skip
    assert list(found["variants"]) == ["int8", "float32"]
    assert list(found["variants"]["int8"]) == ["top1", "classes", "confusion"]
    assert list(found["variants"]["int8"]["classes"]["3"]) == ["recall", "precision", "pictures"]
    assert np.sum(found["variants"]["int8"]["confusion"]) == 10
    corruptions = found["corruptions"]
    assert list(corruptions) == ["mean", "standard", "extra"]
    assert list(corruptions["standard"]) == list(STANDARD)
    assert list(corruptions["extra"]) == [*CAPTURE, *SCENES]
    for family in ("standard", "extra"):
        for shares in corruptions[family].values():
            assert {k: len(v) for k, v in shares.items()} == {"int8": 5, "float32": 5}
    mean = np.mean([v["int8"] for v in corruptions["standard"].values()])
    assert corruptions["mean"]["int8"] == pytest.approx(mean, abs=1e-6)
    assert result.variants["int8"].top1 >= mean
    image = cv2.imdecode(np.frombuffer(draw_heatmap(result), np.uint8), cv2.IMREAD_COLOR)
    assert image.shape[0] > 400
    assert image.shape[1] > 600


def test_one_variant_has_no_agreement(drawn, pair):
    alone = evaluate_variants({"int8": pair["int8"]}, drawn, drawn.items[:5])
    assert alone.agreement is None
    assert alone.as_dict()["corruptions"] is None


def test_what_was_never_there_and_never_named_is_none(drawn, pair):
    zeros = [i for i in drawn.items if i.label == 0][:10]
    score = evaluate_variants(pair, drawn, zeros).variants["int8"]
    assert score.classes["0"].precision == 1
    assert score.classes["7"].recall is None
    assert score.classes["7"].precision in (None, 0)


def test_unreadable_images_are_skipped_and_reported(tmp_path, pair, drawn):
    for item in drawn.items[:20]:
        folder = tmp_path / "data" / str(item.label)
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"{item.id.replace('/', '-')}.png"), drawn.read(item))
    broken = tmp_path / "data" / "3" / "broken.png"
    broken.write_bytes(b"not an image")
    source = open_source(tmp_path / "data")
    result = evaluate_variants(pair, source, source.items, corruptions=["second_object"])
    assert result.pictures == 20
    assert len(result.skipped) == 1
    assert "broken.png" in result.skipped[0]
    only = [i for i in source.items if i.id.endswith("broken.png")]
    with pytest.raises(DataError, match=r"no image of mine can be read.*broken\.png"):
        evaluate_variants(pair, source, only, data="mine")


def test_labels_are_matched_by_name():
    assert match_labels(("b", "a"), ("a", "b", "c"), "m") == [1, 0]
    assert match_labels(("crane",), ("crane", "crane"), "m") == [0]
    composed, apart = (unicodedata.normalize(form, "äpfel") for form in ("NFC", "NFD"))
    assert match_labels((composed, "b"), ("b", apart), "m") == [1, 0]
    assert match_labels((apart, "b"), ("b", composed), "m") == [1, 0]
    with pytest.raises(LabelsError) as error:
        match_labels(("cat", "dog"), ("0", "1"), "digits", "pets")
    for part in ("pets has 'cat', 'dog'", "digits has '0', '1'"):
        assert part in str(error.value)
    with pytest.raises(LabelsError, match="and 15 more"):
        match_labels([f"c{i}" for i in range(20)], ("0", "1"), "digits")


def test_variants_that_see_other_pixels_are_refused(drawn, pair, monkeypatch):
    other = edgecnn.load("mnist-classic")
    other.model = other.model._replace(input=other.model.input._replace(fit="stretch"))
    with other, pytest.raises(ModelError, match="differ in their input"):
        evaluate_variants({**pair, "other": other}, drawn, drawn.items[:1])


def test_a_corruption_that_is_not_known_is_named(drawn, pair):
    with pytest.raises(OptionError, match="'rain': choose from gaussian_noise"):
        evaluate_variants(pair, drawn, drawn.items[:1], corruptions=["rain"])


def test_a_choice_is_stratified_nested_and_independent_of_the_order():
    items = [Item(f"{label}/{i}", label, None) for label, n in enumerate((60, 30, 10)) for i in range(n)]
    twenty = choose(items, 20)
    assert np.bincount([i.label for i in twenty]).tolist() == [12, 6, 2]
    assert twenty == [i for i in items if i in twenty], "in their order"
    assert set(choose(items[::-1], 20)) == set(twenty)
    assert set(choose(items, 10)) < set(twenty)
    assert set(choose(items, 20, seed=1)) != set(twenty)
    assert choose(items, None) == choose(items, 1000) == items
    assert {i.label for i in choose(items, 3)} == {0, 1, 2} or len(choose(items, 3)) == 3


def test_the_official_test_is_the_default():
    official = [Item("a", 0, "train"), Item("b", 0, "test"), Item("c", 1, "validation")]
    assert [i.id for i in select(official, None)] == ["b"]
    assert [i.id for i in select(official, "validation")] == ["c"]
    assert select(official, "all") == official
    plain = [Item("a", 0, None)]
    assert select(plain, None) == plain
    with pytest.raises(DataError, match="no test split: it has no official splits; take --split all"):
        select(plain, "test")
    with pytest.raises(DataError, match="it has test, train"):
        select(official[:2], "validation")


def test_training_images_are_reported():
    bundle = read_bundle(find("digits"))
    train, test, none = Item("a", 0, "train"), Item("b", 0, "test"), Item("c", 0, None)
    assert seen_in_training(bundle, "mnist", [test]) is None
    assert seen_in_training(bundle, "other", [train]) is None
    assert "not only test images" in seen_in_training(bundle, "mnist", [train, test])
    assert "drawn with seed 0" in seen_in_training(bundle, "mnist", [none])
    whole = bundle._replace(facts=bundle.facts._replace(by_folds=True))
    assert "was trained on all of mnist" in seen_in_training(whole, "mnist", [none])
    assert "card are from folds" in seen_in_training(whole, "mnist", [none])
    bare = bundle._replace(facts=Facts())
    assert seen_in_training(bare, "mnist", [train]) is None


@pytest.mark.slow
def test_mnist_under_corruption(shared, pair):
    source = open_source(shared / "data" / "mnist")
    items = choose(select(source.items, None), 100)
    result = evaluate_variants(pair, source, items, corruptions=NAMES)
    for variant in pair:
        assert result.variants[variant].top1 >= 0.97
        assert result.mean_under(variant) >= 0.94
    assert result.agreement >= 0.98
    low = result.corrupted["low_resolution"]["int8"]
    assert low[0] > low[3] > low[4]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "value_range"), [("pretrainedResnet_quant", None), ("pretrainedResnet", (0.0, 255.0))]
)
def test_mlperf_tinys_resnet_on_cifar10(shared, tmp_path, file, value_range):
    labels = tmp_path / "labels.txt"
    labels.write_text("airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n")
    source = open_source(shared / "data" / "cifar10.zip")
    items = choose(select(source.items, None), 500)
    path = shared / "models" / "mlperf_tiny" / f"{file}.tflite"
    with edgecnn.load(path, labels=labels, value_range=value_range) as classifier:
        result = evaluate_variants(
            {"it": classifier}, source, items, corruptions=["gaussian_noise", "brightness"]
        )
    # 87.0 and 87.2 % of all 10,000; the standard error of 500 is 1.5 points.
    assert result.variants["it"].top1 == pytest.approx(0.87, abs=0.045)
    noise, light = result.corrupted["gaussian_noise"]["it"], result.corrupted["brightness"]["it"]
    assert noise[0] > noise[2] > noise[4]
    assert np.mean(light) > np.mean(noise) + 0.3


def test_a_model_that_answers_nan_is_not_evaluated(tmp_path, photo_folder):
    source = open_source(photo_folder)
    classes = "".join(f"{label}\n" for label in [*source.labels, *"cdefghij"])
    (tmp_path / "labels.txt").write_text(classes)
    with edgecnn.load(nan_bundle(tmp_path), "float32", labels=tmp_path / "labels.txt") as classifier:
        first = source.items[0]
        with pytest.raises(AnswerError, match="digits float32 answered NaN or infinity") as raised:
            evaluate_variants({"float32": classifier}, source, source.items)
        assert str(raised.value).startswith(first.id)
