from edgecnn.machine import board


def test_this_machine_is_described():
    here = board.describe_board()
    assert here.cores >= 1
    assert here.cpu
    assert here.cpu in here.summary
    assert here.as_dict()["architecture"]


def test_peak_memory_is_that_of_a_python_process():
    assert 10 < board.peak_memory_mib() < 100_000
