"""Commands that start in milliseconds, for all the attacks of one process."""

import pytest

from tests.attack.forked import Commands


@pytest.fixture(scope="session")
def commands(tmp_path_factory):
    """`commands.run("classify", path)` gives an `Outcome`."""
    with Commands(tmp_path_factory.getbasetemp()) as running:
        yield running
