import pytest
from ai_edge_litert import schema_py_generated as schema

from edgecnn.tflite.names import DTYPES, OPERATORS


@pytest.mark.parametrize(
    ("enumeration", "ours"), [(schema.BuiltinOperator, OPERATORS), (schema.TensorType, DTYPES)]
)
def test_they_are_those_of_the_schema(enumeration, ours):
    theirs = {number: name for name, number in vars(enumeration).items() if isinstance(number, int)}
    assert len(theirs) > 15
    assert {number: ours.get(number, "").upper() for number in theirs} == theirs
