import platform
import sys
from pathlib import Path

import pytest

from edgecnn.doctor import Status, System, cameras, coral, examine, machine, software
from edgecnn.doctor.diagnosis import failure, installed
from edgecnn.errors import ModelNotFound
from tests.driver import build_driver, needs_compiler

PACKAGES = {"numpy": "2.4.6", "opencv-python-headless": "4.12.0", "ai-edge-litert": "2.3.0"}


@pytest.fixture
def system(tmp_path):
    """A machine whose files, programs and packages are what a test puts there."""

    def make(files=None, programs=None, packages=None, environment=None):
        for name, text in (files or {}).items():
            path = tmp_path / "root" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (tmp_path / "bin").mkdir(exist_ok=True)
        for name, script in (programs or {}).items():
            (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{script}\n")
            (tmp_path / "bin" / name).chmod(0o755)
        (tmp_path / "root").mkdir(exist_ok=True)
        there = PACKAGES if packages is None else packages
        return System(tmp_path / "root", str(tmp_path / "bin"), environment or {}, there)

    return make


def named(findings, name):
    return [f for f in findings if f.name == name]


def test_this_machine_runs():
    found = list(examine())
    assert not [f for f in found if f.status is Status.failure]
    assert named(found, "model")[0].found == "digits runs, with the same answers as where it was trained"
    assert {"machine", "python", "numpy", "opencv", "litert", "display"} <= {f.name for f in found}
    assert all(bool(f.fix) == (f.status is not Status.ok) for f in found)


def test_a_model_that_does_not_run_ends_no_report(monkeypatch):
    def missing(*_):
        raise ModelNotFound("no model 'digits'")

    monkeypatch.setattr(software, "_runs", lambda: failure("model", "digits does not run", "install it"))
    monkeypatch.setattr("edgecnn.classify.fastest.find_fastest", missing)
    names = [f.name for f in examine()]
    assert "fastest" not in names
    assert names.index("display") > names.index("model")


@pytest.mark.parametrize(
    ("said", "status", "parts"),
    [
        ("throttled=0x0", Status.ok, ["no under-voltage"]),
        ("throttled=0x50005", Status.warning, ["now: under-voltage, throttled", "start: under-voltage"]),
        ("throttled=0x80008", Status.warning, ["now: at the soft limit of temperature"]),
        ("throttled=0x20000", Status.warning, ["since the start: the clock is limited (0x20000)"]),
        ("VCHI initialization failed", Status.warning, ["does not answer: VCHI"]),
    ],
)
def test_what_the_firmware_says_of_power_is_decoded(system, said, status, parts):
    (found,) = named(machine.examine(system(programs={"vcgencmd": f"echo '{said}'"})), "power")
    assert found.status is status
    assert all(part in found.found for part in parts)
    supply = "power supply" in found.fix
    assert supply == ("50005" in said), "only low voltage is the supply's"


def test_only_a_raspberry_pi_has_its_firmware(system):
    assert not named(machine.examine(system()), "power")


def test_clock_heat_and_memory(system):
    cool = system(
        {
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "ondemand\n",
            "sys/class/thermal/thermal_zone0/temp": "48312\n",
            "proc/meminfo": "MemTotal: 1 kB\nMemAvailable:   819200 kB\n",
        }
    )
    found = list(machine.examine(cool))
    assert [named(found, n)[0].found for n in ("clock", "temperature", "memory")] == [
        "governor ondemand", "48 °C", "800 MiB are free",
    ]  # fmt: skip
    hot = system(
        {
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "powersave\n",
            "sys/class/thermal/thermal_zone0/temp": "84000\n",
            "proc/meminfo": "MemAvailable:   81920 kB\n",
        }
    )
    found = list(machine.examine(hot))
    for name, part in (("clock", "powersave"), ("temperature", "84 °C"), ("memory", "80 MiB")):
        (one,) = named(found, name)
        assert (one.status, bool(one.fix)) == (Status.warning, True)
        assert part in one.found


def test_32_bit_and_old_pythons_can_not_run():
    assert machine._bits("armv7l", 2**31 - 1).status is Status.failure
    assert machine._bits("aarch64", 2**63 - 1).status is Status.ok
    kinds = [machine._python(v).status for v in ((3, 9), (3, 11), (3, 13), (3, 14))]
    assert kinds == [Status.failure, Status.ok, Status.ok, Status.warning]


def test_a_full_disk_is_a_warning():
    assert machine._disk(199 << 20).status is Status.warning
    assert machine._disk(200 << 20).status is Status.ok


def test_two_opencvs_are_a_failure_with_the_command_that_fixes_it(system):
    two = system(packages=PACKAGES | {"opencv-python": "4.12.0"})
    (broken,) = [f for f in software.examine(two) if f.status is Status.failure]
    assert "opencv-python and opencv-python-headless overwrite" in broken.found
    assert "pip uninstall -y opencv-python opencv-python-headless && " in broken.fix


def test_tflite_runtime_and_numpy_2_are_told_apart(system):
    old = PACKAGES | {"tflite-runtime": "2.14.0"}
    (found,) = named(software.examine(system(packages=old)), "tflite-runtime")
    assert found.status is Status.warning
    assert "numpy 2.4.6" in found.found
    (found,) = named(software.examine(system(packages=old | {"numpy": "1.26.4"})), "tflite-runtime")
    assert found.status is Status.ok


def test_what_can_not_be_imported_is_reported_with_its_fix(system):
    missing = software._import(system(), "litert", "no_such_module", "ai-edge-litert-x")
    assert missing.status is Status.failure
    assert "not installed: can't be imported: ModuleNotFoundError" in missing.found
    assert missing.fix.endswith("pip install ai-edge-litert-x")
    crashing = software._import(system(), "numpy", "os; os.abort()", "numpy")
    assert "crashes (signal 6)" in crashing.found
    assert crashing.fix.endswith("pip install --force-reinstall numpy")


@pytest.mark.parametrize(
    ("ids", "state"), [(("1a6e", "089a"), "not used yet"), (("18d1", "9302"), "in use before")]
)
def test_a_usb_accelerator_is_known_by_both_of_its_names(system, ids, state):
    device = "sys/bus/usb/devices/1-1.3"
    files = {f"{device}/idVendor": ids[0], f"{device}/idProduct": ids[1], f"{device}/busnum": "1"}
    files |= {f"{device}/devnum": "7", "dev/bus/usb/001/007": ""}
    found = list(coral.examine(system(files)))
    assert found[0].found == f"a USB Accelerator, {state}"
    assert found[1].status is Status.warning
    assert "libedgetpu1-std" in found[1].fix


@needs_compiler
@pytest.mark.parametrize(
    ("does", "status", "said"),
    [
        ("GOOD", Status.ok, "runtime version 14, opens the device"),
        ("ABSENT", Status.warning, "opened no device"),
        ("CRASHING", Status.warning, "crashes (signal 11) with ai-edge-litert 2.3.0"),
    ],
)
def test_corals_library_is_asked_in_a_process_of_its_own(system, tmp_path, does, status, said):
    folder = f"usr/lib/{platform.machine()}-linux-gnu"
    here = system({"dev/apex_0": "", f"{folder}/empty": ""})
    build_driver(tmp_path, does).rename(here.root / folder / "libedgetpu.so.1")
    (found,) = named(coral.examine(here), "coral library")
    assert found.status is status
    assert said in found.found


def test_a_library_that_is_none_is_said(system):
    library = f"usr/lib/{platform.machine()}-linux-gnu/libedgetpu.so.1"
    (found,) = named(coral.examine(system({"dev/apex_0": "", library: "no library"})), "coral library")
    assert found.status is Status.warning
    assert "can't be loaded" in found.found


def test_a_card_and_no_coral_at_all(system):
    assert [f.status for f in coral.examine(system())] == [Status.ok]
    assert "a card at" in next(iter(coral.examine(system({"dev/apex_0": ""})))).found


def test_a_raspberry_pis_own_camera_is_listed_by_its_program(system):
    listing = "Available cameras\\n---\\n0 : imx708 [4608x2592 10-bit RGGB] (/base/soc)"
    found = list(cameras.examine(system(programs={"rpicam-vid": f"printf '{listing}'"})))
    assert named(found, "camera rpicam")[0].found.startswith("0 : imx708")
    none = list(cameras.examine(system(programs={"rpicam-vid": "echo No cameras available!"})))
    assert not named(none, "camera rpicam"), "on another board it is no news"


def test_a_display_is_told(system):
    (none,) = named(cameras.examine(system()), "display")
    assert "--show web" in none.found
    (there,) = named(cameras.examine(system(environment={"DISPLAY": ":0"})), "display")
    assert there.found.startswith(":0; this OpenCV shows no windows")


def test_installed_packages_are_read():
    found = installed()
    assert found["numpy"][0].isdigit()
    assert "typer" in found
    assert Path(sys.executable).exists()
