"""While the web page is attacked, its owner is answered, the loop keeps running, and memory stays low."""

import asyncio

import pytest

from tests.attack import web
from tests.attack.web import Owner, attacked, running
from tests.attack.web_clients import ATTACKS
from tests.conftest import until

# What `live` takes with a page, and what it may take in addition: bodies of 32 MB, one photo that is decoded.
MOST_MB = 600
ALONE = [
    "endless chunks", "idle", "slow bodies", "guesses", "viewers that never read", "pipelined",
    "90 uploads of 16 MB",
]  # fmt: skip
# A large photo takes its attacker longer to make than all of this.
REST = [name for name in ATTACKS if name not in (*ALONE, "50 large photos")]


@pytest.fixture(scope="module")
def live():
    with running() as started:
        yield started


@pytest.mark.parametrize("names", [*([name] for name in ALONE), REST], ids=[*ALONE, "the rest together"])
def test_its_owner_is_answered_and_the_loop_keeps_running(live, names, monkeypatch):
    monkeypatch.setattr(web, "PATIENCE_S", 10)  # the machine may have other things to do
    live.reset_peak()
    owner = Owner(live.port)
    with attacked(names, live.port, 1.2, 0.8) as outcome:
        frames = live.frames()
        asyncio.run(owner.ask(0.4))
        until(lambda: live.frames() > frames, "another frame", 10)
    assert outcome["opened"] >= sum(ATTACKS[name][1] for name in names), "it was an attack"
    assert owner.took, "its owner got no answer"
    assert owner.failed <= len(owner.took) / 4, (owner.failed, len(owner.took))
    assert live.peak_mb() < MOST_MB


def test_it_is_well_afterwards(live):
    owner = Owner(live.port)
    asyncio.run(owner.ask(0.5))
    assert owner.took
    assert not owner.failed
