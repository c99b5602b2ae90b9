"""A manifest is written as it was read: unknown keys stay, at every level, and the list of files is true."""

import hashlib
import json
import random

import pytest

from edgecnn.bundle import bundle
from edgecnn.bundle.confidence import Confidence
from edgecnn.bundle.input_spec import InputSpec
from edgecnn.bundle.manifest import Golden, Variant, read_manifest
from edgecnn.bundle.manifest.writing import (
    new_manifest,
    with_accuracies,
    with_confidence,
    with_golden,
    with_sections,
    with_variant,
    write_sealed,
)
from edgecnn.errors import BundleError

SHIPPED = sorted(b.name for b in bundle.list_bundles())
SPEC = InputSpec(8, 8, "rgb", "crop", "halved", (0.0, 1.0))
INT8 = Variant("int8", "int8.tflite", "0" * 64, 10, 20, None)


def test_there_are_shipped_bundles():
    assert len(SHIPPED) == 7


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_manifest_is_written_as_it_was_read(name, tmp_path):
    source = bundle.find(name)
    manifest = read_manifest(source / "bundle.json")
    digests = {k: v for k, v in manifest.document["files"].items() if k != "bundle.json"}
    write_sealed(tmp_path, manifest, digests)
    assert (tmp_path / "bundle.json").read_bytes() == (source / "bundle.json").read_bytes()


def tables(value, found):
    """All tables of a JSON value, itself included."""
    if isinstance(value, dict):
        found.append(value)
        for inner in value.values():
            tables(inner, found)
    elif isinstance(value, list):
        for inner in value:
            tables(inner, found)
    return found


@pytest.mark.parametrize("seed", range(40))
def test_unknown_keys_stay_at_every_level(seed, tmp_path):
    draw = random.Random(seed)
    document = json.loads((bundle.find("digits") / "bundle.json").read_text())
    del document["files"]
    # Names of variants, layers and libraries are keys too: what is new there would be one of them.
    named = [document["variants"], document["golden"]["outputs"]]
    open_tables = [t for t in tables(document, []) if not any(t is n for n in named)]
    for n in range(5):
        added = draw.choice([None, 1, 2.5, "text", [1, {"deep": [2]}], {"a": {"b": 1}}])
        draw.choice(open_tables)[f"x_{n}"] = added
    (tmp_path / "bundle.json").write_text(json.dumps(document))
    manifest = read_manifest(tmp_path / "bundle.json")
    manifest = with_variant(manifest, INT8._replace(name="int8_edgetpu", file="int8_edgetpu.tflite"), note=1)
    manifest = with_accuracies(manifest, {"int8": 0.5})
    manifest = with_sections(manifest, later={"z": 1})
    write_sealed(tmp_path, manifest, {"labels.txt": "1" * 64})
    written = json.loads((tmp_path / "bundle.json").read_text())
    assert list(written)[-2:] == ["later", "files"]
    assert written.pop("later") == {"z": 1}
    assert set(written.pop("files")) == {"labels.txt", "bundle.json"}
    assert written["variants"].pop("int8_edgetpu")["note"] == 1
    document["variants"]["int8"]["accuracy"] = 0.5
    assert json.dumps(written) == json.dumps(document), "each key in its place, each value as it was"


def test_a_new_one_has_what_it_was_given(tmp_path):
    manifest = new_manifest("mine", "Mine", ["a", "b"], SPEC, [INT8])
    manifest = with_confidence(manifest, {"int8": Confidence(1.5, 0.4, 1)})
    rows = ((0.25, 0.75),) * 8
    manifest = with_golden(manifest, Golden("blocks-1", "f" * 64, {"int8": rows}))
    write_sealed(tmp_path, manifest, {})
    found = read_manifest(tmp_path / "bundle.json")
    assert (found.name, found.labels, found.input, found.variants) == (
        "mine",
        ("a", "b"),
        SPEC,
        {"int8": INT8},
    )
    assert found.confidence == {"int8": Confidence(1.5, 0.4, 1)}
    assert found.golden.outputs == {"int8": rows}


def test_a_nearness_is_written_with_the_output_that_has_it():
    manifest = new_manifest("mine", "Mine", ["a", "b"], SPEC, [INT8])
    confidence = {"int8": Confidence(1.5, 0.4, None, 0.55)}
    manifest = with_confidence(manifest, confidence, "near")
    assert (manifest.confidence, manifest.nearness) == (confidence, "near")
    assert manifest.document["confidence"] == {
        "variants": {"int8": {"temperature": 1.5, "threshold": 0.4, "nearness": 0.55}},
        "unknown": {"background": None, "nearness": "near"},
    }
    with pytest.raises(BundleError, match="nearness is 0.55, expected none, since"):
        with_confidence(manifest, confidence)


def test_its_own_digest_is_of_its_text_with_zeros(tmp_path):
    write_sealed(tmp_path, new_manifest("mine", "Mine", ["a", "b"], SPEC, [INT8]), {})
    text = (tmp_path / "bundle.json").read_text()
    digest = json.loads(text)["files"]["bundle.json"]
    assert hashlib.sha256(text.replace(digest, "0" * 64).encode()).hexdigest() == digest


def test_what_could_not_be_read_back_is_not_made():
    manifest = new_manifest("mine", "Mine", ["a", "b"], SPEC, [INT8])
    with pytest.raises(BundleError, match=r"variants\.int8\.accuracy is 2, expected a number from 0 to 1"):
        with_accuracies(manifest, {"int8": 2})
    with pytest.raises(
        BundleError, match=r"name is '\.\./up', expected a name without / .*; choose another value"
    ):
        new_manifest("../up", "Mine", ["a"], SPEC, [INT8])
    with pytest.raises(BundleError, match=r"labels\[1\] is 'bbb.*, expected a text of 1 to 500 characters"):
        new_manifest("mine", "Mine", ["a", "b" * 501], SPEC, [INT8])
