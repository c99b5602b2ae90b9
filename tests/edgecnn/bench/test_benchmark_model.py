import pytest

from edgecnn.bench.benchmark_model import Timed, read_profile, time_operators
from edgecnn.errors import BenchError
from tests.benchmark_model import BUILTIN, XNNPACK, install, printed


@pytest.mark.parametrize("form", [{}, {"start": True}, {"info": "INFO: "}, {"spaces": True}], ids=str)
def test_what_the_tool_prints_is_read(form):
    found = read_profile(printed(BUILTIN, **form))
    assert [(t.kind, t.node) for t in found] == [("CONV_2D", 0), ("MAX_POOL_2D", 1), ("CONV_2D", 2)]
    assert [t.ms for t in found] == pytest.approx([0.010, 0.002, 0.012])


def test_calls_of_one_kernel_are_summed():
    first, *_ = read_profile(printed(XNNPACK))
    assert first == Timed(
        "Convolution (NHWC, QC8) IGEMM",
        "Delegate/Convolution (NHWC, QC8) IGEMM:0",
        None,
        2,
        pytest.approx(0.012),
    )


@pytest.mark.parametrize("text", ["", "nothing", printed(()).replace("[avg ms]", "[?]"), printed(())])
def test_what_has_no_table_has_no_rows(text):
    assert read_profile(text) == []


def test_the_tool_is_asked_about_the_model(tmp_path):
    found = time_operators(b"a model", 2, install(tmp_path, printed(BUILTIN)))
    assert len(found) == 3
    assert (tmp_path / "given").read_bytes() == b"a model"
    asked = (tmp_path / "asked").read_text().splitlines()
    assert {"--num_threads=2", "--enable_op_profiling=true", "--use_xnnpack=true"} <= set(asked)


def test_a_tool_that_fails_is_one_line(tmp_path):
    with pytest.raises(BenchError, match=r"exit code 1\): ERROR: Failed to load the model"):
        time_operators(b"", 1, install(tmp_path, "ERROR: Failed to load the model\n", "exit 1"))
    with pytest.raises(BenchError, match="it printed nothing"):
        time_operators(b"", 1, install(tmp_path, ""))
    with pytest.raises(BenchError, match=r"did not end in 0\.5 s"):
        time_operators(b"", 1, install(tmp_path, "", "exec sleep 30"), timeout_s=0.5)
    with pytest.raises(BenchError, match="can't be started"):
        time_operators(b"", 1, str(tmp_path))
