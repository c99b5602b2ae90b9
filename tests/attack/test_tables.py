"""A short run of the attacks in `tables.py`."""

import pytest

from tests.attack import tables


@pytest.mark.slow
def test_each_is_answered_or_refused_in_one_line(commands, tmp_path):
    outcomes = tables.run(commands, 32, 7, tmp_path)
    assert [o for o in outcomes if not o.good] == []
    assert {o.verdict for o in outcomes} == {"answer", "refused"}
    assert [o for o in outcomes if o.verdict == "refused" and len(o.err.splitlines()) != 1] == []
