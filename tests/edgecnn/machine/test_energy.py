"""A folder stands for the machine, a script for its firmware."""

import pytest

from edgecnn.errors import BenchError
from edgecnn.machine.energy import Use, find_meter, measure_energy

# As a Raspberry Pi 5 says it: 3.7 V × 0.1 A + 0.9 V × 2 A; two voltages and a
# current that is none do not count.
RAILS = """ 3V7_WL_SW_A current(0)=0.10000000A
    VDD_CORE_A current(7)=2.00000000A
   3V7_WL_SW_V volt(8)=3.70000000V
    VDD_CORE_V volt(15)=0.90000000V
       EXT5V_V volt(24)=5.14998000V
        BATT_V volt(25)=nanV
         BAD_A current(26)=1.2.3A
         BAD_V volt(27)=1.00000000V
"""
WATTS = 0.37 + 1.8


def zone(root, name, called, energy, most=262_143_328_850):
    folder = root / "sys/class/powercap" / name
    folder.mkdir(parents=True)
    for file, value in (("name", called), ("energy_uj", energy), ("max_energy_range_uj", most)):
        (folder / file).write_text(f"{value}\n")
    return folder / "energy_uj"


def firmware(tmp_path, says, takes_s=0):
    path = tmp_path / "vcgencmd"
    (tmp_path / "said").write_text(says)
    path.write_text(f"#!/bin/sh\n[ $1 = pmic_read_adc ] && sleep {takes_s} && cat '{tmp_path}/said'\n")
    path.chmod(0o755)
    return str(path)


def counting(counter, step, most=None):
    """Work that takes so many microjoules."""

    def work():
        value = int(counter.read_text()) + step
        counter.write_text(str(value - most if most and value > most else value))

    return work


def test_rapl_counts_all_packages_and_nothing_twice(tmp_path):
    first = zone(tmp_path, "intel-rapl:0", "package-0", 5_000)
    second = zone(tmp_path, "intel-rapl:1", "package-1", 7_000)
    core = zone(tmp_path, "intel-rapl:0:0", "core", 3_000)
    psys = zone(tmp_path, "intel-rapl:2", "psys", 9_000)
    meter = find_meter(tmp_path)
    assert "RAPL" in meter.name

    def work():
        for counter, step in ((first, 2_000_000), (second, 500_000), (core, 1_000_000), (psys, 4_000_000)):
            counting(counter, step)()

    assert meter.joules(work) == pytest.approx(2.5)


def test_a_counter_that_begins_again_counts_on(tmp_path):
    counter = zone(tmp_path, "intel-rapl:0", "package-0", 900_000, most=1_000_000)
    assert find_meter(tmp_path).joules(counting(counter, 300_000, 1_000_000)) == pytest.approx(0.3)


def test_each_work_is_told_apart_from_the_idle_machine(tmp_path):
    counter = zone(tmp_path, "intel-rapl:0", "package-0", 0)
    cheap, dear = measure_energy(
        find_meter(tmp_path), [counting(counter, 1_000), counting(counter, 5_000)], seconds=0.05
    )
    assert cheap.runs > 1
    assert cheap.mj_per_run == pytest.approx(1)
    assert dear.mj_per_run == pytest.approx(5)
    assert cheap.idle_w == 0


def test_what_is_above_idle():
    use = Use(joules=3.0, seconds=2.0, runs=100, idle_w=0.5)
    assert use.mj_per_run == pytest.approx(30)
    assert use.mj_above_idle == pytest.approx(20)
    assert use.as_dict() == {"mj_per_run": 30.0, "mj_above_idle": 20.0, "watts": 1.5, "runs": 100}


def test_a_pi_5_tells_volts_and_amperes(tmp_path):
    meter = find_meter(tmp_path, firmware(tmp_path, RAILS))
    assert meter.watts() == pytest.approx(WATTS)
    (use,) = measure_energy(meter, [lambda: None], seconds=0.1)
    assert use.idle_w == pytest.approx(WATTS, rel=0.1)
    assert use.joules / use.seconds == pytest.approx(WATTS, rel=0.1)


def test_the_time_that_a_slow_answer_takes_is_no_part_of_the_work(tmp_path):
    meter = find_meter(tmp_path, firmware(tmp_path, RAILS, takes_s=0.2))
    (use,) = measure_energy(meter, [lambda: None], seconds=0.1)
    # Each may be off by the start of a thread; what an answer takes would be twice the work.
    assert use.idle_w == pytest.approx(WATTS, rel=0.2)
    assert use.joules / use.seconds == pytest.approx(WATTS, rel=0.2)
    assert use.seconds < 0.2


def test_a_machine_that_does_not_tell_is_told_so(tmp_path):
    with pytest.raises(BenchError, match="does not report its energy"):
        find_meter(tmp_path, "/nowhere/vcgencmd")
    with pytest.raises(BenchError, match="does not report its energy"):
        find_meter(tmp_path, firmware(tmp_path, 'error=1 error_msg="Command not registered"\n'))


def test_counters_that_cannot_be_read_are_told(tmp_path):
    counter = zone(tmp_path, "intel-rapl:0", "package-0", 0)
    counter.unlink()
    counter.mkdir()
    with pytest.raises(BenchError, match="can't be read"):
        find_meter(tmp_path)


def test_counters_of_root_alone_say_what_to_do(tmp_path):
    import os

    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    zone(tmp_path, "intel-rapl:0", "package-0", 0).chmod(0)
    with pytest.raises(BenchError, match="sudo chmod a\\+r"):
        find_meter(tmp_path)


def test_a_pmic_that_falls_silent_is_an_error(tmp_path):
    meter = find_meter(tmp_path, firmware(tmp_path, RAILS))
    (tmp_path / "said").write_text("")
    with pytest.raises(BenchError, match="stopped reporting"):
        meter.joules(lambda: None)
