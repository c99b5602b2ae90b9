import hashlib
import json
import os

import numpy as np
import pytest

from edgecnn.bundle.bundle import open_model, read_bundle
from edgecnn.bundle.input_spec import Given
from edgecnn.bundle.manifest import read_manifest
from edgecnn.bundle.owned_files import seal
from edgecnn.coral.compiling import compile_bundle
from edgecnn.errors import CompileError, ModelError, ModelNotFound, OptionError, OutputError
from edgecnn.exchange.importing import import_model
from tests import compiler as real
from tests.models import compiled, edited, quantized, shipped
from tests.nearness import THRESHOLD, color_bundle, network

DIGITS = compiled(shipped("digits"))


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_variant_is_added(compiler, digits_folder):
    before = files(digits_folder)
    compiler.install(real.compiled_log(real.DIGITS), DIGITS)
    made = compile_bundle(digits_folder)
    assert compiler.input == before["int8.tflite"]
    assert (made.mapped, made.operations, made.min_runtime_version, made.notes) == (8, 8, 13, ())

    after = files(digits_folder)
    assert after.pop("int8_edgetpu.tflite") == DIGITS
    manifest, old = json.loads(after.pop("bundle.json")), json.loads(before.pop("bundle.json"))
    assert after == before
    assert manifest["variants"].pop("int8_edgetpu") == {
        "file": "int8_edgetpu.tflite",
        "sha256": hashlib.sha256(DIGITS).hexdigest(),
        "bytes": len(DIGITS),
        "macs": old["variants"]["int8"]["macs"],
        "edgetpu": {
            "compiler": "16.0.384591198",
            "mapped": 8,
            "operations": 8,
            "min_runtime_version": 13,
        },
    }
    listed = manifest.pop("files")
    del old["files"]
    assert manifest == old
    assert set(listed) == {*before, "int8_edgetpu.tflite", "bundle.json"}
    assert listed["int8_edgetpu.tflite"] == hashlib.sha256(DIGITS).hexdigest()


def test_keys_of_a_newer_version_stay_in_their_places(compiler, digits_folder):
    path = digits_folder / "bundle.json"
    newer = json.loads(path.read_text())
    del newer["files"]
    newer = {"first": {"a": [1, {"b": None}]}, **newer}
    for table in (newer["input"], newer["variants"]["int8"], newer["confidence"]["variants"]["int8"]):
        table["later"] = [0, 255]
    newer["title"] = "in two\nlines"
    path.write_text(json.dumps(newer))
    seal(digits_folder, read_manifest(path))
    compiler.install(real.compiled_log(real.DIGITS), DIGITS)
    compile_bundle(digits_folder)
    written = json.loads(path.read_text())
    assert list(written)[-1] == "files"
    del written["files"], written["variants"]["int8_edgetpu"]
    assert json.dumps(written) == json.dumps(newer)


def test_the_bundle_still_opens(compiler, digits_folder):
    compiler.install(real.compiled_log(real.DIGITS), DIGITS)
    bundle = compile_bundle(digits_folder).bundle
    assert bundle.portable == ("int8", "float32")
    assert {n: (v.compiled, v.base) for n, v in bundle.variants.items()} == {
        "int8": (False, "int8"), "float32": (False, "float32"), "int8_edgetpu": (True, "int8"),
    }  # fmt: skip
    base, model = open_model(digits_folder), open_model(digits_folder, "int8_edgetpu")
    assert model.file.edge_tpu
    assert model.confidence == base.confidence
    assert model.confidence != open_model(digits_folder, "float32").confidence
    assert (model.labels, model.input) == (base.labels, base.input)


def test_a_second_time_replaces_it(compiler, digits_folder):
    compiler.install(real.compiled_log(real.DIGITS), DIGITS)
    compile_bundle(digits_folder)
    newer = compiled(shipped("digits"), 14)
    compiler.install(real.compiled_log(real.DIGITS), newer)
    names = {path.name for path in digits_folder.iterdir()}
    compile_bundle(digits_folder)
    assert {path.name for path in digits_folder.iterdir()} == names
    assert read_bundle(digits_folder).read("int8_edgetpu") == newer


def test_too_little_is_refused_until_it_is_accepted(compiler, digits_folder):
    before = files(digits_folder)
    compiler.install(real.compiled_log(real.WITHOUT_SOFTMAX), compiled(shipped("digits"), on_cpu=1))
    with pytest.raises(CompileError) as refused:
        compile_bundle(digits_folder)
    for part in (
        "only 7 of digits's 8 operators (87.5%)", "expected 90%",
        f"on the CPU stay 1 SOFTMAX ({real.UNSPECIFIED})",
        "nothing was added", "accept it by --min-mapped 0.87",
    ):  # fmt: skip
        assert part in str(refused.value)
    assert files(digits_folder) == before
    made = compile_bundle(digits_folder, min_mapped=0.87)
    assert (made.mapped, made.operations) == (7, 8)
    assert made.bundle.manifest.document["variants"]["int8_edgetpu"]["edgetpu"]["mapped"] == 7


@pytest.mark.parametrize("least", [0, 0.5])
def test_where_nothing_is_mapped_there_is_nothing_to_accept(compiler, digits_folder, least):
    """The compiler then writes the model as it was."""
    before = files(digits_folder)
    compiler.install(real.compiled_log(real.NOTHING), shipped("digits"))
    with pytest.raises(CompileError, match="none of digits's 8 operators") as refused:
        compile_bundle(digits_folder, min_mapped=least)
    assert f"on the CPU stay 2 CONV_2D ({real.SECOND}), 2 MAX_POOL_2D" in str(refused.value)
    assert "--min-mapped" not in str(refused.value)
    assert files(digits_folder) == before


def test_where_it_disagrees_with_our_own_table_is_said(compiler, digits_folder):
    compiler.install(real.compiled_log(real.WITHOUT_SOFTMAX), compiled(shipped("digits"), on_cpu=1))
    (note,) = compile_bundle(digits_folder, min_mapped=0).notes
    assert note == (
        "`edgecnn inspect` expected 0 operators on the CPU; "
        f"the compiler left 1 there: 1 SOFTMAX ({real.UNSPECIFIED})"
    )


def test_where_it_maps_more_than_our_own_table_is_said(compiler, digits_folder):
    """A pooling with a function of its own is on Coral's list of limits."""

    def fuse(model, graph):
        graph.operators[1].builtinOptions.fusedActivationFunction = 1

    replace_int8(digits_folder, edited(shipped("digits"), fuse))
    compiler.install(real.compiled_log(real.DIGITS), DIGITS)
    (note,) = compile_bundle(digits_folder).notes
    assert "expected 7 operators on the CPU; MAX_POOL_2D: the Edge TPU has it with a limit" in note
    assert note.endswith("the compiler left 0 there")


def test_a_compiler_that_does_not_count(compiler, digits_folder):
    compiler.install(real.STARTED, compiled(shipped("digits"), on_cpu=1))
    made = compile_bundle(digits_folder, min_mapped=0.5)
    assert (made.mapped, made.operations) == (7, 8)
    assert made.notes[0] == "edgetpu_compiler did not say how much it mapped: counted in the file"


@pytest.mark.parametrize(
    ("output", "kind", "message"),
    [
        (b"", CompileError, "it wrote no int8_edgetpu.tflite"),
        (DIGITS[:1000], ModelError, "what edgetpu_compiler wrote is damaged or cut off"),
        (b"something else", ModelError, "what edgetpu_compiler wrote is no TFLite model"),
        (shipped("digits"), CompileError, "is not compiled for the Edge TPU: it has no operator edgetpu-cus"),
        (compiled(shipped("cifar10")), CompileError, "its input is int8 .1, 32, 32, 3.*expected int8 .1, 28"),
        (compiled(quantized(shipped("digits"), 0.5, -128)), CompileError, "its input is .* scale 0.5"),
        (compiled(quantized(shipped("digits"), 1 / 255, 0)), CompileError, "its input is .* zero point 0, e"),
        (
            compiled(quantized(shipped("digits"), 1 / 255, 0, "UINT8")),
            CompileError,
            "was not compiled from digits's int8 variant: its input is uint8",
        ),
    ],
)  # fmt: skip
def test_a_wrong_file_is_not_added(compiler, digits_folder, output, kind, message):
    before = files(digits_folder)
    compiler.install(real.compiled_log(real.DIGITS), output)
    with pytest.raises(kind, match=message):
        compile_bundle(digits_folder)
    if output:
        path = digits_folder.parent / "elsewhere.tflite"
        path.write_bytes(output)
        with pytest.raises(kind, match=message.replace("what edgetpu_compiler wrote", str(path))):
            compile_bundle(digits_folder, compiled=path)
    assert files(digits_folder) == before


def test_another_output_is_not_added(compiler, digits_folder):
    def other(model, graph):
        graph.tensors[graph.outputs[0]].quantization.scale = np.array([1 / 128], np.float32)

    compiler.install(real.compiled_log(real.DIGITS), edited(DIGITS, other))
    with pytest.raises(CompileError, match="its output is int8 .1, 10., scale 0.0078125"):
        compile_bundle(digits_folder)


def test_the_nearness_is_kept(compiler, tmp_path):
    folder = color_bundle(tmp_path)
    before = json.loads((folder / "bundle.json").read_text())
    compiler.install(real.compiled_log(real.COLORS), compiled(network(int8=True)))
    made = compile_bundle(folder)
    assert (made.mapped, made.operations, made.notes) == (5, 5, ()), "as our own table says"
    manifest = made.bundle.manifest.document
    for key in ("output", "confidence", "golden"):
        assert manifest[key] == before[key]
    model = open_model(folder, "int8_edgetpu")
    assert [tensor.name for tensor in model.outputs] == ["probabilities", "nearness"]
    assert model.confidence.nearness == THRESHOLD


@pytest.mark.parametrize("on_cpu", [1, 2])
def test_the_nearness_may_stay_on_the_cpu(compiler, tmp_path, on_cpu):
    folder = color_bundle(tmp_path)
    data = compiled(network(int8=True), on_cpu=on_cpu)
    rows = (*real.COLORS[:-on_cpu], *((name, 1, real.UNSPECIFIED) for name, *_ in real.COLORS[-on_cpu:]))
    compiler.install(real.compiled_log(rows), data)
    with pytest.raises(CompileError, match=r"on the CPU stay 1 .* nothing was added"):
        compile_bundle(folder)
    made = compile_bundle(folder, min_mapped=0.6)
    assert (made.mapped, made.operations) == (5 - on_cpu, 5)
    assert [t.name for t in open_model(folder, "int8_edgetpu").outputs] == ["probabilities", "nearness"]


def rename(_, graph):
    graph.tensors[graph.outputs[1]].name = b"StatefulPartitionedCall:1"


def drop(_, graph):
    graph.outputs = graph.outputs[:1]


def exchange(_, graph):
    graph.outputs = graph.outputs[::-1]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            rename,
            "what edgetpu_compiler wrote has the outputs probabilities, StatefulPartitionedCall:1, expected "
            "probabilities and nearness, by which colors chooses them",
        ),
        (drop, "its output is int8 [1, 3], scale 0.00390625, zero point -128, expected int8 [1, 3], scale "),
        (exchange, "its output is int8 [1, 3], scale 0.0078125, zero point 0 and int8 [1, 3], scale 0.0039"),
    ],
)
def test_a_nearness_that_can_not_be_found_is_said(compiler, tmp_path, edit, message):
    """Also with as many prototypes as classes."""
    folder = color_bundle(tmp_path)
    before = files(folder)
    compiler.install(real.compiled_log(real.COLORS), edited(compiled(network(int8=True)), edit))
    with pytest.raises(CompileError) as refused:
        compile_bundle(folder)
    assert message in str(refused.value)
    assert files(folder) == before


def test_a_failure_changes_nothing(compiler, digits_folder):
    before = files(digits_folder)
    for said, then in ((real.NOT_QUANTIZED, "exit 1"), (real.INTERNAL, "kill -ABRT $$"), ("", "sleep 600")):
        compiler.install(said, then=then)
        with pytest.raises(CompileError):
            compile_bundle(digits_folder, timeout_s=1)
        assert files(digits_folder) == before


def test_what_was_compiled_elsewhere_needs_no_compiler(compiler, digits_folder, tmp_path):
    path = tmp_path / "elsewhere.tflite"
    path.write_bytes(DIGITS)
    made = compile_bundle(digits_folder, compiled=path)
    assert (made.mapped, made.operations, made.log) == (8, 8, None)
    assert made.bundle.manifest.document["variants"]["int8_edgetpu"]["edgetpu"] == {
        "compiler": None, "mapped": 8, "operations": 8, "min_runtime_version": 13,
    }  # fmt: skip
    path.write_bytes(compiled(shipped("digits"), on_cpu=3))
    with pytest.raises(CompileError, match=r"only 5 of .* on the CPU stay 2 FULLY_CONNECTED, 1 SOFTMAX; "):
        compile_bundle(digits_folder, compiled=path)
    with pytest.raises(ModelError, match="nowhere.tflite can't be read: No such file"):
        compile_bundle(digits_folder, compiled=tmp_path / "nowhere.tflite")


def test_corals_own_compiled_model_belongs_to_its_base(shared, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EDGECNN_MODELS", raising=False)
    coral = shared / "models/coral"
    import_model(coral / "mobilenet_v2_1.0_224_quant.tflite", "coral", Given())
    made = compile_bundle("./coral", compiled=coral / "mobilenet_v2_1.0_224_quant_edgetpu.tflite")
    assert (made.mapped, made.operations, made.min_runtime_version) == (66, 66, 12)
    with pytest.raises(CompileError, match="was not compiled from coral's int8 variant: its input is"):
        compile_bundle("./coral", compiled=shared / "models/odd/edgetpu_compiled_misnamed.tflite")


def test_a_copy_has_both_and_the_bundle_stays(compiler, digits_folder, tmp_path):
    before = files(digits_folder)
    compiler.install(real.compiled_log(real.DIGITS), DIGITS)
    out = tmp_path / "new" / "copy"
    assert compile_bundle(digits_folder, out=out).bundle.folder == out
    assert files(digits_folder) == before
    assert set(files(out)) == {*before, "int8_edgetpu.tflite"}
    bundle = read_bundle(out)
    assert [bundle.read(v) for v in ("int8", "float32", "int8_edgetpu")] == [
        before["int8.tflite"], before["float32.tflite"], DIGITS,
    ]  # fmt: skip
    assert [p.name for p in out.parent.iterdir()] == ["copy"]


def test_a_copy_of_files_that_may_only_be_read_can_be_written(compiler, digits_folder, tmp_path):
    for path in (*digits_folder.iterdir(), digits_folder):
        path.chmod(0o555)
    compiler.install(real.compiled_log(real.DIGITS), DIGITS)
    out = tmp_path / "copy"
    compile_bundle(digits_folder, out=out)
    assert all(path.stat().st_mode & 0o200 for path in (*out.iterdir(), out))
    digits_folder.chmod(0o755)


def test_a_copy_takes_no_place_that_is_taken(compiler, digits_folder, tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(OutputError, match="already exists: choose another --out"):
        compile_bundle(digits_folder, out=tmp_path / "taken")
    with pytest.raises(OptionError, match="is inside the bundle"):
        compile_bundle(digits_folder, out=digits_folder / "copy")
    compiler.install(real.compiled_log(real.DIGITS), DIGITS)
    with pytest.raises(OutputError, match="said, which is no folder: choose another --out"):
        compile_bundle(digits_folder, out=compiler.folder / "said" / "deep" / "copy")


def test_a_bundle_that_can_not_be_written_is_said_before_the_work(compiler, digits_folder):
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    digits_folder.chmod(0o555)
    with pytest.raises(OutputError, match=r"can't be written to: --out FOLDER writes a copy of digits"):
        compile_bundle(digits_folder)
    digits_folder.chmod(0o755)
    assert not (compiler.folder / "asked").exists()


def test_a_bundle_that_can_not_be_written_stays_whole(compiler, digits_folder):
    """A folder in the way stops root too."""
    (digits_folder / "int8_edgetpu.tflite").mkdir()
    names, manifest = sorted(os.listdir(digits_folder)), (digits_folder / "bundle.json").read_bytes()
    compiler.install(real.compiled_log(real.DIGITS), DIGITS)
    with pytest.raises(OutputError, match="which is no file of the bundle: --out FOLDER writes"):
        compile_bundle(digits_folder)
    assert sorted(os.listdir(digits_folder)) == names
    assert (digits_folder / "bundle.json").read_bytes() == manifest


def test_a_bundle_that_changes_meanwhile_is_left_alone(compiler, digits_folder):
    newer = json.loads((digits_folder / "bundle.json").read_text())
    newer["variants"]["int8"]["sha256"] = "0" * 64
    (compiler.folder / "newer").write_text(json.dumps(newer))
    compiler.install(real.compiled_log(real.DIGITS), DIGITS, then=f"cp newer '{digits_folder}/bundle.json'")
    with pytest.raises(CompileError, match="was changed while it was compiled"):
        compile_bundle(digits_folder)
    assert json.loads((digits_folder / "bundle.json").read_text()) == newer


def test_what_can_not_be_compiled_at_all(compiler, digits_folder, digits_file, tmp_path):
    with pytest.raises(
        CompileError, match=f"import it first: edgecnn models import {digits_file} --name NAME"
    ):
        compile_bundle(digits_file)
    with pytest.raises(ModelNotFound, match="no model 'nowhere'"):
        compile_bundle("nowhere")
    with pytest.raises(CompileError, match="edgetpu_compiler is not installed"):
        compile_bundle("digits")
    (digits_folder / "int8.tflite").write_bytes(b"")
    with pytest.raises(ModelError, match="SHA-256"):
        compile_bundle(digits_folder)
    replace_int8(digits_folder, DIGITS)
    with pytest.raises(CompileError, match="int8 variant is compiled already"):
        compile_bundle(digits_folder)
    manifest = json.loads((digits_folder / "bundle.json").read_text())
    del manifest["variants"]["int8"]
    (digits_folder / "bundle.json").write_text(json.dumps(manifest))
    with pytest.raises(CompileError, match="no int8 variant, and an Edge TPU runs no other: it has float32"):
        compile_bundle(digits_folder)


@pytest.mark.parametrize(
    "options",
    [{"min_mapped": 1.1}, {"min_mapped": -0.1}, {"min_mapped": float("nan")},
     {"timeout_s": 0}, {"timeout_s": float("nan")}, {"timeout_s": 1e9}],
)  # fmt: skip
def test_options_out_of_range(digits_folder, options):
    with pytest.raises(OptionError, match="expected"):
        compile_bundle(digits_folder, **options)


def replace_int8(folder, data):
    """Make a file the bundle's int8 variant, and the bundle edgecnn's own again."""
    (folder / "int8.tflite").write_bytes(data)
    manifest = json.loads((folder / "bundle.json").read_text())
    manifest["variants"]["int8"]["sha256"] = hashlib.sha256(data).hexdigest()
    (folder / "bundle.json").write_text(json.dumps(manifest))
    seal(folder, read_manifest(folder / "bundle.json"))
