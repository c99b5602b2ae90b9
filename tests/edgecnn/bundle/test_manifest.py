"""Every key of a manifest that is used is checked where it is read, and the error names it."""

import json
import os
import shutil
from dataclasses import replace

import pytest

from edgecnn.bundle.bundle import find, read_bundle
from edgecnn.bundle.manifest import MOST_BYTES, Facts
from edgecnn.errors import BundleError


@pytest.fixture
def folder(tmp_path):
    """A bundle's manifest and labels; nothing more is read of it."""
    for name in ("bundle.json", "labels.txt"):
        shutil.copy(find("cifar10") / name, tmp_path / name)
    return tmp_path


def change(folder, place, value):
    """Set what lies at a place such as `variants.int8.sha256`."""
    path = folder / "bundle.json"
    manifest = table = json.loads(path.read_text())
    *above, key = place.split(".")
    for each in above:
        table = table.setdefault(each, {})
    table[key] = value
    path.write_text(json.dumps(manifest))


def refusal(folder) -> str:
    with pytest.raises(BundleError) as raised:
        read_bundle(folder)
    assert "copy the bundle again" in str(raised.value)
    return str(raised.value)


NOT_A_NAME = [
    "",
    "a/b",
    "..",
    ".",
    "a\\b",
    "a\0b",
    "/etc/passwd",
    "a\n",
    "\x1b[2J",
    "x" * 300,
    "é" * 200,
    5,
    None,
]
NO_NUMBER = ["0.5", None, True, [], {}]
PLACES = [
    *(("format", value) for value in (True, 1.0, "1", None, [])),
    *(("name", value) for value in NOT_A_NAME),
    *(("title", value) for value in ("", None, 5, "x" * 2000, ["a"])),
    *(("labels", value) for value in ([], None, "abc", {}, 3)),
    *(("input.width", value) for value in (0, -1, 10**9, 32.0, "32", None, True)),
    *(("input.height", value) for value in (0, -1, 10**9, 32.0, "32", None, True)),
    *(("input.color", value) for value in ("RGB", "", None, [], {})),
    *(("input.fit", value) for value in ("squeeze", None, 1)),
    *(("input.resize", value) for value in ("best", None, 1)),
    *(("input.layout", value) for value in ("hwc", None, 1)),
    *(("input.range", value) for value in ([0, 0], [1, 0], [0], [0, 1, 2], [0, "1"], "01", None, [0, 1e9])),
    *(("input", value) for value in (3, None, [], "x")),
    *(("variants", value) for value in ({}, None, [], "x", 1)),
    ("variants.int8", None),
    *(("variants.int8.file", value) for value in (*NOT_A_NAME, ".hidden")),
    *(
        ("variants.int8.sha256", value)
        for value in (None, 5, "", "abc", "A" * 64, ["0" * 64], "0" * 64 + "\n")
    ),
    *(("variants.int8.bytes", value) for value in (-1, None, 1.0, "5", 1 << 40)),
    *(("variants.int8.macs", value) for value in (-1, None, 1.0, "5", 10**20)),
    *(("variants.int8.accuracy", value) for value in (-0.1, 1.1, "0.9", True, [])),
    *(("confidence.variants.int8.temperature", value) for value in (0, 21, *NO_NUMBER)),
    *(("confidence.variants.int8.threshold", value) for value in (-1, 1.1, *NO_NUMBER)),
    *(("confidence.unknown.background", value) for value in ("none of them", 0, [], {})),
    *(("confidence", value) for value in ([], 3, "x")),
    *(("golden", value) for value in ([], 3, "x")),
    *(("golden.inputs", value) for value in (None, "", 3, [])),
    *(("golden.inputs_sha256", value) for value in (None, "", 3)),
    *(("golden.outputs", value) for value in (None, 3, [])),
    *(("golden.outputs.int8", value) for value in (None, 3, [], [[1.0] * 10] * 7, [[1.0] * 10] * 9, [3] * 8)),
    *(("golden.outputs.int8", [[*[0.1] * 9, bad]] * 8) for bad in NO_NUMBER),
    ("golden.outputs.int8", [[0.1] * 11] * 8),
    ("golden.outputs.int8", [[3.0] * 10] * 8),
    *(("data", value) for value in (None, [], 3)),
    *(("data.name", value) for value in (None, [], 3)),
    *(("data.licence", value) for value in (None, [], 3, "x" * 20_000)),
    *(("training", value) for value in (None, [], 3)),
    *(("training.seed", value) for value in (None, -1, 1.5, "0", True)),
    *(("accuracy", value) for value in (None, [], 3)),
    *(("accuracy.test_pictures", value) for value in (None, -1, 1.5, "many")),
    *(("robustness.mean", value) for value in (None, [], 3)),
    *(("robustness.mean.int8", value) for value in (2, *NO_NUMBER)),
]


@pytest.mark.parametrize(("place", "value"), PLACES, ids=lambda v: str(v)[:30])
def test_a_wrong_value_is_named_by_its_place(folder, place, value):
    change(folder, place, value)
    message = refusal(folder)
    assert place in message
    assert "expected" in message
    assert len(message) < 400
    assert message.isprintable()


@pytest.mark.parametrize("label", ["", " ", None, 3, "a\nb", "\x1b[31m", "x" * 600, "\ud800"])
def test_a_label_that_is_no_text_is_named_by_its_place(folder, label):
    labels = list(read_bundle(folder).labels)
    labels[3] = label
    change(folder, "labels", labels)
    assert "labels[3] is" in refusal(folder)


@pytest.mark.parametrize("key", ["format", "name", "title", "labels", "input", "variants"])
def test_a_key_that_is_needed_is_missed(folder, key):
    path = folder / "bundle.json"
    manifest = json.loads(path.read_text())
    del manifest[key]
    path.write_text(json.dumps(manifest))
    assert f"lacks the key '{key}'" in refusal(folder)


@pytest.mark.parametrize("key", ["file", "sha256", "bytes", "macs"])
def test_a_key_of_a_variant_is_missed(folder, key):
    path = folder / "bundle.json"
    manifest = json.loads(path.read_text())
    del manifest["variants"]["int8"][key]
    path.write_text(json.dumps(manifest))
    assert f"variants.int8 lacks the key '{key}'" in refusal(folder)


@pytest.mark.parametrize("name", ["../x", "a\0", "", "\x1b[2J"])
def test_a_variant_has_a_name(folder, name):
    change(folder, "variants", {name: {}})
    assert "a name in variants is" in refusal(folder)


def test_the_same_label_twice_and_keys_that_are_not_known_are_fine(folder):
    """ImageNet has two cranes: the bird and the machine."""
    labels = [*["crane"] * 2, *read_bundle(folder).labels[2:]]
    change(folder, "labels", labels)
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in labels))
    change(folder, "files", {"int8.tflite": None})
    change(folder, "variants.int8.later", [1])
    assert read_bundle(folder).labels == tuple(labels)


def test_missing_keys_are_no_facts(folder):
    path = folder / "bundle.json"
    manifest = json.loads(path.read_text())
    needed = ("format", "name", "title", "labels", "input", "variants")
    path.write_text(json.dumps({key: manifest[key] for key in needed}))
    bundle = read_bundle(folder)
    assert (bundle.facts, bundle.golden, bundle.confidence) == (Facts(), None, {})
    for key in ("confidence", "golden"):
        change(folder, key, None)
    assert read_bundle(folder) == bundle._replace(
        manifest=replace(bundle.manifest, document=json.loads(path.read_text()))
    )


def test_facts_are_what_the_manifest_says(folder):
    change(folder, "robustness", {"mean": {"int8": 0.5}})
    change(folder, "data.licence", "CC BY\n\x1b[2J")
    change(folder, "title", "two\nlines \x1b[2J")
    assert read_bundle(folder).title == "two␊lines ␛[2J"
    facts = read_bundle(folder).facts
    assert facts == Facts(
        "cifar10", "CC BY\n␛[2J", trained=True, seed=0, test_pictures=10000, robustness={"int8": 0.5}
    )
    change(folder, "accuracy.folds", {"top1": [0.5, 0.6]})
    assert read_bundle(folder).facts.by_folds
    change(folder, "accuracy.interval", [0.25, 1])
    assert read_bundle(folder).facts.interval == (0.25, 1.0)


@pytest.mark.parametrize("interval", [[0.5], [0.9, 0.5], [0.5, 1.5], "0.5", [None, 1]])
def test_an_interval_is_two_shares_in_order(folder, interval):
    change(folder, "accuracy.interval", interval)
    with pytest.raises(BundleError, match=r"accuracy\.interval"):
        read_bundle(folder)


def test_a_file_that_is_too_large_is_not_read_whole(folder):
    with (folder / "bundle.json").open("r+b") as file:
        file.truncate(1 << 40)
    with pytest.raises(BundleError, match=f"more than {MOST_BYTES:,} bytes"):
        read_bundle(folder)


@pytest.mark.parametrize("name", ["bundle.json", "labels.txt"])
def test_only_regular_files_are_read(folder, name):
    path = folder / name
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(BundleError, match="a named pipe, expected a regular file"):
        read_bundle(folder)
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(BundleError, match="a device, expected a regular file"):
        read_bundle(folder)
    path.unlink()
    path.mkdir()
    with pytest.raises(BundleError, match="a folder, expected a regular file"):
        read_bundle(folder)


@pytest.mark.parametrize("content", [b"\xff", b"", b"airplane\n", b"\x1b[2J\n"])
def test_labels_that_are_others_are_refused(folder, content):
    (folder / "labels.txt").write_bytes(content)
    with pytest.raises(BundleError, match=r"labels\.txt .*copy the bundle again"):
        read_bundle(folder)


def test_a_byte_order_mark_does_no_harm(folder):
    for name in ("bundle.json", "labels.txt"):
        path = folder / name
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    read_bundle(folder)


def test_a_variant_may_be_a_link_and_is_what_the_hash_says(tmp_path):
    """Caches keep large files elsewhere, with links to them in the folder."""
    folder = shutil.copytree(find("digits"), tmp_path / "mine")
    elsewhere = tmp_path / "blob"
    (folder / "int8.tflite").rename(elsewhere)
    (folder / "int8.tflite").symlink_to(elsewhere)
    assert read_bundle(folder).read("int8") == elsewhere.read_bytes()
    (folder / "float32.tflite").unlink()
    (folder / "float32.tflite").symlink_to(__file__)
    with pytest.raises(BundleError, match="is not the file that bundle"):
        read_bundle(folder).read("float32")
    for special, kind in (("/dev/zero", "a device"), (str(tmp_path), "a folder")):
        (folder / "float32.tflite").unlink()
        (folder / "float32.tflite").symlink_to(special)
        with pytest.raises(BundleError, match=f"{kind}, expected a regular file"):
            read_bundle(folder).read("float32")
