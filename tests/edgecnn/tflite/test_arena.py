import pytest

from edgecnn.bundle.bundle import open_model
from edgecnn.tflite.arena import arena_bytes
from edgecnn.tflite.file import Operator, Tensor, TfliteFile


def graph(sizes, steps, constants=()):
    tensors = tuple(
        Tensor(str(i), (1, n), "int8", 1.0, 0, 1, constant=i in constants) for i, n in enumerate(sizes)
    )
    operators = tuple(Operator("ADD", tuple(read), tuple(written), 0) for read, written in steps)
    last = operators[-1].outputs[0]
    return TfliteFile((tensors[0],), (tensors[last],), tensors, operators)


@pytest.mark.parametrize(
    ("sizes", "steps", "constants", "expected"),
    [
        # A chain needs only two neighbours at a time.
        ([640, 640, 640, 640], [([0], [1]), ([1], [2]), ([2], [3])], (), 1280),
        # A shortcut keeps its tensor alive next to the branch.
        ([640, 640, 640, 640], [([0], [1]), ([1], [2]), ([0, 2], [3])], (), 1920),
        # Weights lie in the file.
        ([640, 6400, 64], [([0, 1], [2])], (1,), 704),
        # Sizes are aligned.
        ([1, 1], [([0], [1])], (), 128),
    ],
)
def test_what_lives_at_the_same_time_lies_apart(sizes, steps, constants, expected):
    assert arena_bytes(graph(sizes, steps, constants)) == expected


def test_the_classic_network_needs_its_two_largest_neighbours():
    file = open_model("digits", "int8").file
    # 26x26x32 after the first convolution, 13x13x32 after its pooling.
    assert arena_bytes(file) == 26 * 26 * 32 + 13 * 13 * 32 + (-13 * 13 * 32) % 64
