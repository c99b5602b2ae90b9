import pytest
from ai_edge_litert import schema_py_generated as schema

from edgecnn.bundle import bundle
from edgecnn.coral.operators import SUPPORTED, Leaving, check_edge_tpu
from edgecnn.errors import ModelError
from edgecnn.tflite.writer import pack_model
from tests.models import float_edges, followed, tensor
from tests.models import operator as made_operator


def digits(variant="int8"):
    return (bundle.find("digits") / f"{variant}.tflite").read_bytes()


def changed(change):
    """The shipped int8 model with a change to its graph."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(digits()))
    change(model)
    return pack_model(model)


def operator(model, kind):
    codes = [c.builtinCode for c in model.operatorCodes]
    return next(o for o in model.subgraphs[0].operators if codes[o.opcodeIndex] == kind)


@pytest.mark.parametrize("model", bundle.list_bundles(), ids=lambda b: b.name)
def test_every_shipped_model_can_be_looked_at(model):
    """Also one whose weights are no whole number of four bytes, which is no list of int32."""
    assert check_edge_tpu(model.read("int8")).on_cpu == 0


def test_the_shipped_model_fits():
    fit = check_edge_tpu(digits())
    assert (fit.leaving, fit.behind, fit.warnings, fit.on_cpu) == ((), (), (), 0)


def test_a_float_model_does_not():
    fit = check_edge_tpu(digits("float32"))
    assert fit.on_cpu == fit.operators == len(fit.leaving)
    assert {o.reason for o in fit.leaving} == {"it works on float32"}
    assert "full-integer models only" in fit.summary


def test_an_operator_that_it_lacks_takes_those_behind_it_along():
    def change(model):
        code = next(c for c in model.operatorCodes if c.builtinCode == schema.BuiltinOperator.MAX_POOL_2D)
        code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.HARD_SWISH

    fit = check_edge_tpu(changed(change))
    assert fit.leaving[0] == Leaving(1, "HARD_SWISH", "the Edge TPU has no such operator")
    assert fit.on_cpu == fit.operators - 1
    assert f"{fit.on_cpu} of {fit.operators} operators would run on the CPU" in fit.warnings[-1]


def test_known_limits_are_found():
    ops = schema.BuiltinOperator

    def pool(model):
        operator(model, ops.MAX_POOL_2D).builtinOptions.fusedActivationFunction = 1

    def dilation(model):
        operator(model, ops.CONV_2D).builtinOptions.dilationWFactor = 2
        graph = model.subgraphs[0]
        for first, shape in enumerate(([1, 26, 24, 32], [1, 13, 12, 32], [1, 11, 10, 64])):
            graph.tensors[graph.operators[first].outputs[0]].shape = shape

    def softmax(model):
        tensor = model.subgraphs[0].tensors[operator(model, ops.SOFTMAX).outputs[0]]
        tensor.shape = [1, 20_000]

    def batch(model):
        tensor = model.subgraphs[0].tensors[operator(model, ops.RESHAPE).outputs[0]]
        tensor.shape = [2, 1, 1, 800]

    for change, kind, reason in (
        (pool, "MAX_POOL_2D", "no fused activation"),
        (dilation, "CONV_2D", "the same dilation"),
        (softmax, "SOFTMAX", "at most 16,000"),
        (batch, "RESHAPE", "only the innermost three dimensions"),
    ):
        fit = check_edge_tpu(changed(change))
        assert [o.operator for o in fit.leaving] == [kind]
        assert reason in fit.leaving[0].reason


def test_the_table_names_real_operators():
    assert set(SUPPORTED) <= {name for name in vars(schema.BuiltinOperator) if name[0] != "_"}


def test_what_is_no_model_is_said():
    with pytest.raises(ModelError, match="notes.txt is no TFLite model"):
        check_edge_tpu(b"something else", "notes.txt")


def test_corals_own_models_fit_and_a_detector_does_not(shared):
    coral = shared / "models" / "coral"
    for file in ("mobilenet_v2_1.0_224_quant.tflite", "tf2_mobilenet_v2_1.0_224_ptq.tflite"):
        assert check_edge_tpu((coral / file).read_bytes()).warnings == ()
    detector = check_edge_tpu((shared / "models" / "odd" / "ssd_head.tflite").read_bytes())
    assert detector.leaving[-1].operator == "TFLite_Detection_PostProcess"


def test_what_brings_floats_to_integers_stays_on_the_cpu_alone():
    """As the compiler's logs have it: QUANTIZE in front and DEQUANTIZE behind are not mapped, the rest is."""
    fit = check_edge_tpu(float_edges(digits()))
    assert [(o.operator, o.reason) for o in fit.leaving] == [
        ("QUANTIZE", "it works on float32"), ("DEQUANTIZE", "it works on float32"),
    ]  # fmt: skip
    assert (fit.behind, fit.on_cpu, fit.operators) == ((), 2, 10)


@pytest.mark.parametrize("dtype", ["INT16", "INT64", "FLOAT32"])
def test_other_types_send_their_operators_to_the_cpu_and_not_the_file(dtype):
    """The best class's number, or a copy of the scores in another type, behind an int8 network."""

    def add(model, graph, scores):
        cast = tensor(model, graph, "other", graph.tensors[scores].shape, dtype)
        options = schema.CastOptionsT()
        options.inDataType = schema.TensorType.INT8
        options.outDataType = getattr(schema.TensorType, dtype)
        graph.operators.append(made_operator(model, "CAST", [scores], [cast], options))
        return cast

    fit = check_edge_tpu(followed(digits(), add))
    assert [o.operator for o in fit.leaving] == ["CAST"]
    assert dtype.lower() in fit.leaving[0].reason
    assert (fit.on_cpu, fit.operators) == (1, 9)
    assert fit.summary.startswith("1 of 9 operators stays on the CPU (9, CAST: it works on ")


def test_the_state_of_a_recurrent_operator_and_unused_tensors_do_not_count():
    def change(model):
        graph = model.subgraphs[0]
        tensor(model, graph, "unused", [1, 3], "FLOAT32")
        tensor(model, graph, "state", [1, 10], "INT16", scale=1 / 32768)

    assert check_edge_tpu(changed(change)).on_cpu == 0


def test_the_shared_pair_and_a_detector(shared):
    coral = shared / "models" / "coral"
    for file in ("mobilenet_v2_1.0_224_quant.tflite", "tf2_mobilenet_v2_1.0_224_ptq.tflite"):
        assert check_edge_tpu((coral / file).read_bytes()).on_cpu == 0
    edges = check_edge_tpu(float_edges((coral / "mobilenet_v2_1.0_224_quant.tflite").read_bytes()))
    assert (edges.on_cpu, edges.operators) == (2, 68)
    detector = check_edge_tpu((shared / "models" / "odd" / "ssd_head.tflite").read_bytes())
    assert (detector.on_cpu, detector.operators) == (1, 17)
    compiled = check_edge_tpu((coral / "mobilenet_v2_1.0_224_quant_edgetpu.tflite").read_bytes())
    assert compiled.on_cpu == 0
