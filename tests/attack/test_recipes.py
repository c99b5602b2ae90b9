"""A short run of the attacks in `recipes.py`."""

from tests.attack import recipes


def test_each_is_answered_or_refused_in_one_line(commands, tmp_path):
    outcomes = recipes.run(commands, 48, 7, tmp_path)
    assert [o for o in outcomes if not o.good] == []
    assert {o.verdict for o in outcomes} == {"refused"}
    assert [o for o in outcomes if o.verdict == "refused" and len(o.err.splitlines()) != 1] == []
