"""From a recipe to a bundle, with everything real but the size."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import edgecnn
from edgecnn.bundle import bundle
from edgecnn.bundle.owned_files import find_unowned
from edgecnn.camera.handwriting import draw_digit
from edgecnn.classify.golden import check
from edgecnn.dataset import open_source
from edgecnn.errors import GateError, OutputError
from edgecnn.report.publication import is_own_page
from edgecnn_train import describe, publish
from edgecnn_train.pipeline import train
from edgecnn_train.recipe import VerifySpec


@pytest.fixture(scope="module")
def made(idx_folder, tmp_path_factory):
    """A bundle of the classic network, trained for a moment."""
    from edgecnn_train.recipe_file import read_recipe

    settings = ["train.epochs=3", "quantize.calibration=50", "synthetic_frames=20", "verify.corruptions=10"]
    recipe = read_recipe("mnist-classic", settings)
    out = tmp_path_factory.mktemp("out") / "tiny"
    said: list[str] = []
    made = train(recipe, open_source(idx_folder), out, said.append, show="none")
    return made, said


def test_the_bundle_is_whole_and_nothing_else_is_left(made):
    folder = made[0].folder
    assert sorted(p.name for p in folder.iterdir()) == [
        "CARD.md",
        "bundle.json",
        "calibration.txt",
        "confusion.png",
        "float32.tflite",
        "int8.tflite",
        "labels.txt",
        "network.keras",
        "quantization.md",
        "reliability.png",
        "robustness.png",
        "training.png",
    ]
    assert sorted(p.name for p in folder.parent.iterdir()) == ["tiny", "tiny.report.html"]
    assert find_unowned(folder) is None
    assert is_own_page(folder.with_name("tiny.report.html"), "tiny")
    assert oct(folder.stat().st_mode & 0o777) == "0o755"
    for image in ("confusion.png", "reliability.png", "robustness.png", "training.png"):
        assert (folder / image).read_bytes().startswith(b"\x89PNG")


def test_the_manifest_has_the_keys_of_shipped_bundles_in_their_order(made):
    new, shipped = made[0].manifest.document, bundle.read_bundle(bundle.find("digits")).manifest.document
    assert [key for key in new if key != "robustness"] == list(shipped)
    for key in ("input", "accuracy", "data", "training", "golden", "confidence", "quantization", "cost"):
        assert list(new[key]) == list(shipped[key]), key
    assert list(new["variants"]["int8"]) == list(shipped["variants"]["int8"])
    one, other = (found["confidence"]["variants"]["int8"] for found in (new, shipped))
    assert list(one) == list(other)


def test_int8_is_whole_per_channel_and_takes_pixels_by_one_bit(made):
    model = bundle.open_model(made[0].folder)
    assert model.file.float_tensors == ()
    image, scores = model.file.inputs[0], model.file.outputs[0]
    assert (image.dtype, scores.dtype) == ("int8", "int8")
    assert image.scale == pytest.approx(1 / 255, rel=1e-6)
    assert image.zero_point == -128
    assert scores.scale == 1 / 256
    assert {t.channels for t in model.file.tensors if len(t.shape) == 4 and t.channels > 1} == {32, 64}
    assert model.file.operators == (
        "CONV_2D",
        "MAX_POOL_2D",
        "CONV_2D",
        "MAX_POOL_2D",
        "RESHAPE",
        "FULLY_CONNECTED",
        "FULLY_CONNECTED",
        "SOFTMAX",
    )
    assert model.file.metadata.labels == model.labels


def test_both_variants_were_measured_through_the_runtime(made):
    manifest, said = made[0].manifest.document, made[1]
    float_top1 = manifest["variants"]["float32"]["accuracy"]
    int8_top1 = manifest["variants"]["int8"]["accuracy"]
    assert float_top1 > 0.8
    assert abs(float_top1 - int8_top1) <= 0.01
    assert manifest["accuracy"]["drop_points"] == pytest.approx((float_top1 - int8_top1) * 100)
    assert manifest["accuracy"]["agreement"] > 0.97
    assert manifest["accuracy"]["test_pictures"] == 200
    assert manifest["accuracy"]["synthetic"] is not None
    told = r"top-1 int8 .* float32 .* int8 (loses|gains) .* agreement .* float tensors 0"
    assert any(re.search(told, s) for s in said)


def test_the_manifest_has_what_it_costs_and_how_it_holds(made):
    manifest = made[0].manifest.document
    cost = manifest["cost"]
    # Two convolutions, two dense layers, as in the textbook.
    assert cost["parameters"] == 320 + 18496 + 1600 * 64 + 64 + 650
    assert cost["macs"] == manifest["variants"]["int8"]["macs"]
    assert 0 < cost["arena_bytes"]["int8"] < cost["arena_bytes"]["float32"]
    for latency in cost["latency_ms"].values():
        for spread in latency.values():
            assert 0 < spread["p50"] <= spread["p99"]
    held = manifest["robustness"]
    assert held["pictures"] == 10
    assert set(held["mean"]) == {"int8", "float32"}
    assert len(held["standard"]) == 15
    card = (made[0].folder / "CARD.md").read_text("utf-8")
    assert f"| mean of the standard ones |  |  |  |  |  | {held['mean']['int8']:.1%} |" in card


def test_the_report_is_next_to_the_bundle(made):
    folder = made[0].folder
    assert any("tiny.report.html" in s for s in made[1])
    check_report(folder, made[0].manifest.document, images=4)


def check_report(folder, manifest, images):
    text = folder.with_name("tiny.report.html").read_text("utf-8")
    wrong = round((1 - manifest["variants"]["int8"]["accuracy"]) * 200)
    assert text.count('src="data:image/png;base64,') == images
    assert text.count('src="data:image/jpeg;base64,') == text.count("<br>t10k/") == min(25, wrong)
    if wrong > 1:
        assert f"The {min(25, wrong)} test images that int8 misclassifies" in text


def test_the_manifest_shows_how_to_make_it_again(made):
    manifest = made[0].manifest.document
    assert manifest["recipe"]["model"]["filters"] == [32, 64]
    assert manifest["training"]["seed"] == 0
    assert manifest["training"]["epochs"] == 3
    assert {"keras", "numpy", "ai-edge-litert"} <= set(manifest["training"]["versions"])
    ids = (made[0].folder / "calibration.txt").read_text().split()
    assert len(ids) == len(set(ids)) == 50
    assert all(i.startswith("train/") for i in ids)


def test_golden_vectors_agree(made):
    for variant in ("int8", "float32"):
        with edgecnn.load(made[0].folder, variant) as classifier:
            assert check(classifier).agrees


def test_the_runtime_uses_what_was_calibrated_and_keeps_its_word(made, idx_folder):
    table = made[0].manifest.document["confidence"]
    source = open_source(idx_folder)
    tests = [source.read(i) for i in source.items if i.split == "test"]
    for variant in ("int8", "float32"):
        figures = table["variants"][variant]
        assert made[0].confidence[variant].temperature == figures["temperature"] != 1
        assert made[0].confidence[variant].threshold == figures["threshold"] > 0
        assert 0 <= figures["false_accept"] <= 0.1
        with edgecnn.load(made[0].folder, variant) as classifier:
            known = [classifier.knows(classifier.classify(image)) for image in tests]
        assert 1 - np.mean(known) == pytest.approx(figures["false_reject"], abs=1e-9)
        assert figures["ece"]["test"].keys() == {"before", "after"}
    assert table["unknown"]["negatives"].startswith("generated")
    assert any(re.search(r"int8: temperature .* calibration error .* unknown below 0", s) for s in made[1])


def test_the_card_says_what_unknown_means_and_costs(made):
    card = (made[0].folder / "CARD.md").read_text("utf-8")
    figures = made[0].manifest.document["confidence"]["variants"]
    for expected in (
        "## Confidence",
        "reliability.png",
        "generated: plain, gradients",
        f"| unknown below a score of | {figures['int8']['threshold']:.3f} |",
        f"| test images called unknown | {figures['int8']['false_reject']:.1%} |",
    ):
        assert expected in card
    assert "whatever it sees" not in card


@pytest.mark.slow
def test_a_threshold_that_would_reject_too_much_stays_below_and_is_said(idx_folder, tmp_path):
    from edgecnn_train.recipe_file import read_recipe

    # No negative may pass, and no image of the validation split may be rejected: one of them has to give.
    settings = ["train.epochs=1", "quantize.calibration=50", "false_accept=0", "max_false_reject=0"]
    recipe, said = read_recipe("mnist-classic", [*settings, "learning_rate=0.0003"]), []
    made = train(
        recipe, open_source(idx_folder), tmp_path / "tiny", said.append, allowed_drop=100, show="none"
    )
    figures = made.manifest.document["confidence"]["variants"]["int8"]
    assert figures["capped"] is True
    assert figures["threshold"] < figures["asked"]["threshold"]
    assert figures["asked"]["validation_false_reject"] > 0
    assert "stays below what that asks for" in (made.folder / "CARD.md").read_text("utf-8")
    assert any("lets more negatives pass than 0.0%" in s for s in said)
    assert made.variants["int8"].accuracy < 1
    check_report(made.folder, made.manifest.document, images=3)


@pytest.mark.slow
def test_what_appears_at_the_target_during_training_stays(recipe, idx_folder, tmp_path):
    """The new bundle is next to it, and its page next to that."""
    quick, out = replace(recipe, train=replace(recipe.train, epochs=1)), tmp_path / "tiny"

    def say(line: str) -> None:
        if line.startswith("verifying"):
            out.mkdir()
            (out / "cat.jpg").write_bytes(b"a cat")

    with pytest.raises(OutputError, match=r"tiny holds 'cat.jpg' .*the new bundle was published as .*tiny-2"):
        train(quick, open_source(idx_folder), out, say, allowed_drop=100, show="none")
    assert (out / "cat.jpg").read_bytes() == b"a cat"
    assert bundle.read_bundle(tmp_path / "tiny-2").read("int8")
    assert (tmp_path / "tiny-2.report.html").exists()
    assert not list(tmp_path.glob(".*"))


@pytest.mark.slow
def test_the_same_seed_gives_the_same_files(made, idx_folder, tmp_path):
    from edgecnn_train.recipe_file import read_recipe

    recipe = read_recipe("mnist-classic", ["train.epochs=3", "quantize.calibration=50"])
    again = train(recipe, open_source(idx_folder), tmp_path / "tiny", lambda _: None, show="none")
    for variant in ("int8", "float32"):
        assert again.variants[variant].sha256 == made[0].variants[variant].sha256


@pytest.mark.slow
def test_a_refused_model_is_not_published_and_its_training_stays(idx_folder, recipe, tmp_path, said):
    quick = replace(recipe, train=replace(recipe.train, epochs=1))
    with pytest.raises(GateError, match="not published"):
        train(quick, open_source(idx_folder), tmp_path / "tiny", said.append, allowed_drop=-100, show="none")
    assert [p.name for p in tmp_path.iterdir()] == ["tiny.training"]
    # What the gate advises does not cost the training.
    other = replace(quick, quantize=replace(quick.quantize, calibration=60), verify=VerifySpec(agreement=0))
    made = train(
        other, open_source(idx_folder), tmp_path / "tiny", said.append, allowed_drop=100, show="none"
    )
    assert any("continuing after epoch 1 of 1" in s for s in said)
    assert made.manifest.document["training"]["epochs"] == 1


def test_a_taken_or_unwritable_target_is_found_before_training(tmp_path):
    (tmp_path / "photos").mkdir()
    publish.check_target(tmp_path / "photos")
    (tmp_path / "photos" / "cat.jpg").touch()
    with pytest.raises(OutputError, match=r"photos holds 'cat.jpg' and is no bundle: name another folder"):
        publish.check_target(tmp_path / "photos")
    with pytest.raises(OutputError, match="nothing can be written to"):
        publish.check_target(Path("/proc/nothing/tiny"))
    (tmp_path / "tiny.report.html").write_text("mine")
    with pytest.raises(OutputError, match="report goes, and it holds what edgecnn did not write: move it"):
        publish.check_target(tmp_path / "tiny")


def test_a_manifest_names_no_folder_of_its_author():
    teachers = 'train.teachers=["/home/me/secret/first", "second.keras"]'
    from edgecnn_train.recipe_file import read_recipe

    recipe = read_recipe("fashion", [teachers, 'train.start="../mine/cifar10"'])
    table = describe._recipe(recipe)["train"]
    assert table["teachers"] == ["first", "second.keras"]
    assert table["start"] == "cifar10"


@pytest.mark.slow
def test_a_disk_that_fills_up_leaves_nothing_half_written(idx_folder, tmp_path):
    """A limit on file sizes stands for the full disk: the float model does not fit."""
    code = f"""
import resource, sys
from edgecnn.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
sys.argv = ["edgecnn", "train", "mnist-classic", "--epochs", "1",
    "--data", {str(idx_folder)!r}, "--out", {str(tmp_path / "tiny")!r},
    "--set", "calibration=20", "--set", "model.filters=[4, 8]", "--set", "dense=[500]"]
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "can't be written" in done.stderr
    assert not (tmp_path / "tiny").exists()
    assert not list(tmp_path.glob(".tiny*"))


def test_the_calibration_never_looks_at_validation_or_test(made):
    ids = set((made[0].folder / "calibration.txt").read_text().split())
    assert not any(i.startswith("t10k/") for i in ids)
    assert json.loads((made[0].folder / "bundle.json").read_text())["training"]["calibration"][
        "count"
    ] == len(ids)


@pytest.mark.slow
def test_quantization_aware_training_and_more_variants(recipe, idx_folder, tmp_path, said):
    wanted = replace(
        recipe,
        quantize=replace(
            recipe.quantize,
            method="qat",
            qat_epochs=3,
            qat_learning_rate=0.001,
            variants=("float16", "dynamic_range"),
        ),
    )
    made = train(wanted, open_source(idx_folder), tmp_path / "tiny", said.append)
    # Both trainings are shown, an epoch a line.
    assert [s.split(":")[0] for s in said if s.startswith("epoch ")] == [
        f"epoch {i}/3" for i in (1, 2, 3)
    ] * 2
    manifest = json.loads((made.folder / "bundle.json").read_text())
    assert manifest["quantization"] == {"method": "qat", "second_calibration": None, "edge_tpu": []}
    assert list(manifest["variants"]) == ["int8", "float32", "float16", "dynamic_range"]
    sizes = {name: v["bytes"] for name, v in manifest["variants"].items()}
    assert sizes["int8"] < sizes["float16"] < 0.6 * sizes["float32"]
    for name, variant in manifest["variants"].items():
        assert variant["accuracy"] > 0.6, name
        with edgecnn.load(made.folder, name) as classifier:
            assert len(classifier.classify(np.zeros((28, 28), np.uint8))) == 10
    assert any("training with the rounding of int8, 3 epochs" in s for s in said)


def test_what_quantization_costs_is_in_the_bundle(made):
    manifest = json.loads((made[0].folder / "bundle.json").read_text())
    second = manifest["quantization"]["second_calibration"]
    assert second["first_count"] == second["second_count"] == 50
    assert second["agreement"] > 0.9
    table = (made[0].folder / "quantization.md").read_text()
    for layer in ("conv1", "conv2", "dense1", "probability"):
        assert f"| {layer}" in table


def test_the_trained_model_reads_digits_it_never_saw(made):
    rng = np.random.default_rng(99)
    with edgecnn.load(made[0].folder) as classifier:
        drawn = [(str(i % 10), (draw_digit(str(i % 10), 112, rng) * 255).astype(np.uint8)) for i in range(50)]
        right = sum(classifier.classify(image, 1)[0].label == label for label, image in drawn)
    assert right >= 35
