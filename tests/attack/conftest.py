"""Commands that start in milliseconds, for all the attacks of one process."""

import pytest

from tests.attack import options
from tests.attack.forked import Commands


@pytest.fixture(scope="session")
def commands(tmp_path_factory):
    """`commands.run("classify", path)` gives an `Outcome`."""
    with Commands(tmp_path_factory.getbasetemp()) as running:
        yield running


@pytest.fixture
def folder(tmp_path):
    """A folder with what the commands of `options.BASE` need, and labels for its bare model."""
    place = tmp_path / "here"
    options.prepare(place)
    (place / "labels.txt").write_text("\n".join("7890123456"))
    return place
