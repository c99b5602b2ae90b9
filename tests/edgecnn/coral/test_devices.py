"""Which Edge TPUs a machine has, from the files of a folder that stands for its root."""

import pytest

from edgecnn.coral.devices import LIBRARY, LIBRARY_VARIABLE, find_devices, find_library, why_no_device


@pytest.fixture(autouse=True)
def no_library_is_named(monkeypatch):
    monkeypatch.delenv(LIBRARY_VARIABLE, raising=False)


def plug_in(root, name, vendor, product, **numbers):
    folder = root / "sys/bus/usb/devices" / name
    folder.mkdir(parents=True)
    for key, value in {"idVendor": vendor, "idProduct": product, **numbers}.items():
        (folder / key).write_text(f"{value}\n")


def install(root):
    path = root / "usr/lib" / LIBRARY
    path.parent.mkdir(parents=True)
    path.touch()
    return path


def test_an_accelerator_on_usb_is_named_with_its_state_and_node(tmp_path):
    plug_in(tmp_path, "1-1", "18d1", "9302", busnum="2", devnum="7")
    plug_in(tmp_path, "1-2", "1a6e", "089a", busnum="x", devnum="1")
    plug_in(tmp_path, "1-3", "046d", "0825")  # a webcam
    used, fresh = find_devices(tmp_path)
    assert used.description == "a USB Accelerator, in use before"
    assert used.node == tmp_path / "dev/bus/usb/002/007"
    assert (fresh.description, fresh.node) == ("a USB Accelerator, not used yet", None)
    assert fresh.usable


def test_a_card_is_found_by_its_device_file(tmp_path):
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/apex_0").touch()
    [card] = find_devices(tmp_path)
    assert card.node == tmp_path / "dev/apex_0"
    assert card.fix == "sudo usermod -aG apex $USER, then log out and in"


def test_the_reason_why_there_is_none_says_what_to_do(tmp_path, monkeypatch):
    assert why_no_device(tmp_path) == "no Edge TPU is plugged in"
    plug_in(tmp_path, "1-1", "18d1", "9302", busnum="2", devnum="7")
    assert "libedgetpu.so.1 is not installed: sudo apt install" in why_no_device(tmp_path)
    assert install(tmp_path) == find_library(tmp_path)
    assert why_no_device(tmp_path) is None
    monkeypatch.setattr("os.access", lambda *_: False)
    (tmp_path / "dev/bus/usb/002").mkdir(parents=True)
    (tmp_path / "dev/bus/usb/002/007").touch()
    assert why_no_device(tmp_path).endswith(
        "you may not use it: sudo usermod -aG plugdev $USER, then log out and in"
    )


def test_a_library_that_is_named_decides_on_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv(LIBRARY_VARIABLE, str(tmp_path / "mine.so"))
    assert find_library(tmp_path) == tmp_path / "mine.so"
    assert why_no_device(tmp_path) is None
