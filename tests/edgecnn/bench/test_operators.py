from edgecnn.bench.benchmark_model import read_profile
from edgecnn.bench.operators import operators, with_times
from edgecnn.bundle.bundle import open_model
from tests.benchmark_model import BUILTIN, XNNPACK, printed


def test_bytes_and_multiplications_of_a_known_network():
    found = operators("int8", open_model("mnist-classic").file)
    first = found.costs[0]
    assert first.operator == "CONV_2D"
    _, height, width, channels = first.shape
    assert first.macs == height * width * channels * 9
    assert first.weight_bytes == channels * 9 + channels * 4, "int8 weights, int32 biases"
    assert first.activation_bytes == 28 * 28 + height * width * channels
    assert found.macs == open_model("mnist-classic").file.macs
    shares = [row["share"] for row in found.as_dict()["operators"]]
    assert sum(shares) == 1


def test_float_weights_are_four_times_as_many_bytes():
    int8, float32 = (operators(v, open_model("mnist-classic", v).file) for v in ("int8", "float32"))
    assert float32.costs[0].activation_bytes == 4 * int8.costs[0].activation_bytes


def test_times_go_to_the_operators_that_they_are_of():
    plain = operators("int8", open_model("mnist-classic").file)
    timed = with_times(plain, read_profile(printed(BUILTIN)))
    assert [c.ms for c in timed.costs[:3]] == [0.010, 0.002, 0.012]
    assert timed.costs[3].ms is None
    assert timed.others == ()


def test_kernels_that_stand_for_several_operators_are_kept_apart():
    plain = operators("int8", open_model("mnist-classic").file)
    timed = with_times(plain, read_profile(printed(XNNPACK)))
    assert [t.kind for t in timed.others] == ["Convolution (NHWC, QC8) IGEMM", "Max Pooling (NHWC, S8)"]
    assert timed.costs[4].ms == 0.001
    assert [t["ms"] for t in timed.as_dict()["kernels"]] == [0.012, 0.002]
