import pytest

from edgecnn.machine.throttling import ask_throttled, describe_throttling
from tests.edgecnn.machine.test_condition import firmware


@pytest.mark.parametrize(
    ("says", "answer"),
    [
        ("exit 1", "exit code 1"),
        ("echo VCHI initialization failed", "VCHI initialization failed"),
        ("echo throttled=", "throttled="),
        ("echo throttled=0x0; exit 3", "throttled=0x0"),
    ],
)
def test_without_bits_the_answer_is_given(tmp_path, says, answer):
    assert ask_throttled(firmware(tmp_path, says)) == (None, answer)


def test_bits_in_words():
    assert describe_throttling(0x50005) == (["under-voltage", "throttled"], ["under-voltage", "throttled"])
    assert describe_throttling(0) == ([], [])
