import pytest

from edgecnn.bench.cold_start import Opening, start_cold
from edgecnn.bundle.input_spec import Given
from edgecnn.errors import BenchError


@pytest.mark.slow
def test_a_process_says_how_long_it_took_to_the_first_label(digits_file, labels):
    bundle = Opening("digits", "int8", "fake:delay_ms=50", 1, Given(), "fake")
    file = Opening(str(digits_file), "int8", "litert", 2, Given(labels), "litert")
    slow, other = start_cold([bundle, file], 2)
    assert slow.repeats == other.repeats == 2
    assert slow.first_ms >= 50
    for found in (slow, other):
        parts = (found.python_ms, found.import_ms, found.load_ms, found.first_ms)
        assert min(parts) > 0
        assert found.total_ms >= max(parts)
        assert found.peak_memory_mib > 20
        assert set(found.as_dict()) == {"python", "import", "load", "first", "total", "repeats"}


def test_the_parts_of_one_start_are_the_whole():
    (one,) = start_cold([Opening("digits", "int8", "fake", 1, Given(), "fake")], 1)
    assert one.total_ms == pytest.approx(one.python_ms + one.import_ms + one.load_ms + one.first_ms)


def test_a_process_that_fails_is_one_line():
    with pytest.raises(BenchError, match="a cold start of nowhere failed: .*no model 'nowhere'"):
        start_cold([Opening("nowhere", "int8", "fake", 1, Given(), "fake")])
