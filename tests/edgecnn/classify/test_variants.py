import pytest

import edgecnn
from edgecnn.classify.variants import Variants
from edgecnn.coral.compiling import compile_bundle
from edgecnn.errors import OptionError
from tests.models import compiled, shipped


@pytest.fixture
def folder(digits_folder, tmp_path):
    path = tmp_path / "elsewhere.tflite"
    path.write_bytes(compiled(shipped("digits")))
    return compile_bundle(digits_folder, compiled=path).bundle.folder


def test_what_needs_another_engine_is_left_out(folder):
    with edgecnn.load(folder) as first, Variants(first, lambda name: edgecnn.load(folder, name)) as variants:
        assert variants.names == ("int8", "float32")
        assert [variants.switch().model.variant for _ in range(2)] == ["float32", "int8"]
        with pytest.raises(OptionError, match="no variant 'int8_edgetpu': choose int8, float32"):
            variants.switch("int8_edgetpu")


def test_what_was_compiled_stands_alone(folder):
    with (
        edgecnn.load(folder, "int8_edgetpu", "fake") as first,
        Variants(first, lambda name: edgecnn.load(folder, name, "fake")) as variants,
    ):
        assert variants.names == ("int8_edgetpu",)
        with pytest.raises(OptionError, match="no other variant than int8_edgetpu"):
            variants.switch()
