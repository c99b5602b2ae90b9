"""Commands that start in milliseconds, for all the attacks of one process."""

import pytest

from tests.attack.forked import Commands


@pytest.fixture(scope="session")
def commands(tmp_path_factory):
    """`commands.run("classify", path)` gives an `Outcome`."""
    with Commands(XDG_CACHE_HOME=str(tmp_path_factory.mktemp("cache"))) as running:
        yield running
