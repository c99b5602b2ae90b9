"""Another root and another firmware stand for another machine."""

from dataclasses import replace

import pytest

from edgecnn.machine.condition import Condition, doubts, read_condition

QUIET = Condition(at_s=0, busy_s=100, own_s=5, clock_mhz=1800, temperature_c=50, throttled=0)
LATER = replace(QUIET, at_s=10, busy_s=110, own_s=15)


@pytest.fixture
def machine(tmp_path):
    def write(**files):
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write


def firmware(tmp_path, says):
    path = tmp_path / "vcgencmd"
    path.write_text(f"#!/bin/sh\n{says}\n")
    path.chmod(0o755)
    return str(path)


def test_this_machine_is_looked_at():
    first, second = read_condition(), read_condition()
    assert second.at_s >= first.at_s
    assert second.own_s >= first.own_s > 0
    assert first.busy_s > 0
    assert set(first.as_dict()) == {"clock_mhz", "temperature_c", "throttled"}


def test_a_raspberry_pi_tells_all(machine, tmp_path):
    root = machine(
        sys__devices__system__cpu__cpu0__cpufreq__scaling_cur_freq="600000\n",
        sys__devices__system__cpu__cpu1__cpufreq__scaling_cur_freq="1800000\n",
        sys__class__thermal__thermal_zone0__temp="48312\n",
        proc__stat="cpu  100 10 50 9000 7 3 2 5 0 0\ncpu0 1 1 1 1 1 1 1 1\n",
    )
    found = read_condition(root, firmware(tmp_path, "echo throttled=0x50005"))
    assert found.clock_mhz == 1800
    assert found.temperature_c == pytest.approx(48.312)
    assert found.throttled == 0x50005
    assert found.busy_s == pytest.approx(1.7), "idle and waiting for a disk are not busy"


def test_the_clock_of_a_desktop_is_that_of_its_quickest_core(machine):
    root = machine(proc__cpuinfo="processor: 0\ncpu MHz\t\t: 1200.5\nprocessor: 1\ncpu MHz\t\t: 3400.25\n")
    assert read_condition(root).clock_mhz == 3400.25


def test_what_is_missing_is_none(machine):
    found = read_condition(machine(proc__stat="nothing"), "/nowhere/vcgencmd")
    assert (found.busy_s, found.clock_mhz, found.temperature_c, found.throttled) == (None, None, None, None)


def test_a_quiet_run_raises_no_doubts():
    assert doubts(QUIET, LATER, {"int8": [[1.0, 1.0]] * 8}) == []
    assert doubts(replace(QUIET, busy_s=None), LATER, {}) == []
    warned = {"throttled": 0x50000}
    assert doubts(replace(QUIET, **warned), replace(LATER, **warned), {}) == [], "that was before"


@pytest.mark.parametrize(
    ("change", "doubt"),
    [
        ({"throttled": 0x4}, "the processor is held back: throttled"),
        ({"throttled": 0x40000}, "the processor is held back: throttled"),
        ({"clock_mhz": 1500}, "the clock fell from 1800 to 1500 MHz"),
        ({"busy_s": 112}, "other programs took 20% of a core"),
    ],
)
def test_what_is_not_quiet_is_said(change, doubt):
    assert doubts(QUIET, replace(LATER, **change), {}) == [doubt]


def test_few_blocks_are_not_judged():
    assert doubts(QUIET, LATER, {"int8": [[1.0], [3.0], [2.0]]}) == []
    assert len(doubts(QUIET, LATER, {"int8": [[1.0], [3.0], [2.0], [4.0]]})) == 1
