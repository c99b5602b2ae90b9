"""A bundle that was made to harm is refused in one line, or does no harm."""

import pytest

from tests.attack import manifests
from tests.attack.forked import counts


@pytest.mark.slow
def test_changed_bundles(commands, tmp_path):
    outcomes = manifests.run(commands, 60, 0, tmp_path)
    bad = [o for o in outcomes if not o.good]
    assert not bad, f"{counts(outcomes)}\n" + "\n".join(f"{o.verdict}: {o.err}" for o in bad[:5])
    verdicts = {o.verdict for o in outcomes}
    assert verdicts == {"answer", "refused"}, "the cases are neither all harmless nor all refused"


def test_the_same_seed_gives_the_same_bundles():
    first, again = (list(manifests.cases(50, 1)) for _ in range(2))
    assert first == again
    assert first != list(manifests.cases(50, 2))
