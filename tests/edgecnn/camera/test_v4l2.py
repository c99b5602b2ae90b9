"""Structures are packed here by ctypes, as the kernel's header declares them, and not by the module's own."""

import ctypes
import errno
import os

import pytest

from edgecnn.camera import v4l2
from edgecnn.errors import CameraError

U32 = ctypes.c_uint32


class Capability(ctypes.Structure):
    _fields_ = (
        ("driver", ctypes.c_char * 16), ("card", ctypes.c_char * 32), ("bus_info", ctypes.c_char * 32),
        ("version", U32), ("capabilities", U32), ("device_caps", U32), ("reserved", U32 * 3),
    )  # fmt: skip


class Description(ctypes.Structure):
    _fields_ = (
        ("index", U32), ("type", U32), ("flags", U32), ("description", ctypes.c_char * 32),
        ("pixelformat", U32), ("mbus_code", U32), ("reserved", U32 * 3),
    )  # fmt: skip


class FrameSize(ctypes.Structure):
    _fields_ = (
        ("index", U32),
        ("pixel_format", U32),
        ("type", U32),
        ("union", U32 * 6),
        ("reserved", U32 * 2),
    )


class FrameInterval(ctypes.Structure):
    _fields_ = (
        ("index", U32), ("pixel_format", U32), ("width", U32), ("height", U32), ("type", U32),
        ("union", U32 * 6), ("reserved", U32 * 2),
    )  # fmt: skip


def code(text: str) -> int:
    return int.from_bytes(text.encode(), "little")


class Driver:
    """Answers as a webcam's driver: MJPG in two sizes, YUYV in any size up to one."""

    capabilities, device_caps = 0x84A00001, 0x04200001

    def __call__(self, handle: int, request: int, data: bytearray) -> int:
        assert os.fstat(handle)
        size = request >> 16 & 0x3FFF
        assert (request >> 8 & 0xFF, size) == (ord("V"), len(data))
        answer = {0: self.capability, 2: self.format, 74: self.size, 75: self.interval}[request & 0xFF]
        kind = {0: Capability, 2: Description, 74: FrameSize, 75: FrameInterval}[request & 0xFF]
        assert ctypes.sizeof(kind) == size
        answer(kind.from_buffer(data))
        return 0

    def capability(self, to: Capability) -> None:
        to.driver, to.card, to.bus_info = b"uvcvideo", "Kamera für alle".encode(), b"usb-3"
        to.capabilities, to.device_caps = self.capabilities, self.device_caps

    def format(self, to: Description) -> None:
        assert to.type == 1
        if to.index > 1:
            raise OSError(errno.EINVAL, "Invalid argument")
        to.description = (b"Motion-JPEG", b"YUYV 4:2:2")[to.index]
        to.pixelformat = code(("MJPG", "YUYV")[to.index])

    def size(self, to: FrameSize) -> None:
        if to.pixel_format == code("MJPG"):
            if to.index > 1:
                raise OSError(errno.EINVAL, "Invalid argument")
            to.type, to.union[0], to.union[1] = 1, *((640, 480), (1280, 720))[to.index]
        else:
            to.type = 3
            to.union[:] = 32, 1920, 8, 24, 1080, 8

    def interval(self, to: FrameInterval) -> None:
        if to.pixel_format == code("MJPG"):
            rates = (1, 30), (1, 60), (2, 15)
            if to.index >= len(rates):
                raise OSError(errno.EINVAL, "Invalid argument")
            to.type, to.union[0], to.union[1] = 1, *rates[to.index]
        else:
            assert (to.width, to.height) == (1920, 1080)
            to.type = 2
            to.union[:] = 1, 30, 1, 5, 1, 1


@pytest.fixture
def node(tmp_path):
    path = tmp_path / "video0"
    path.touch()
    return str(path)


def test_what_a_driver_tells(node):
    assert v4l2.describe_device(node, Driver()) == v4l2.V4l2Device(
        node, "Kamera für alle", "uvcvideo", "usb-3", True,
        (
            v4l2.PixelFormat("MJPG", "Motion-JPEG", (
                v4l2.Size(1280, 720, (60.0, 30.0, 7.5)), v4l2.Size(640, 480, (60.0, 30.0, 7.5)),
            )),
            v4l2.PixelFormat("YUYV", "YUYV 4:2:2", (v4l2.Size(32, 24, (30.0, 5.0), (1920, 1080)),)),
        ),
    )  # fmt: skip


def test_a_node_for_metadata_gives_no_frames(node):
    class Metadata(Driver):
        device_caps = 0x04A00000

    device = v4l2.describe_device(node, Metadata())
    assert not device.captures
    assert device.formats == ()


def test_a_driver_that_never_ends_is_left(node):
    class Endless(Driver):
        def format(self, to):
            to.pixelformat = code("GREY")

        def size(self, to):
            raise OSError(errno.ENOTTY, "Inappropriate ioctl for device")

    assert len(v4l2.describe_device(node, Endless()).formats) == 200


def test_what_is_no_camera_is_said(node, tmp_path):
    with pytest.raises(CameraError, match=f"{node} is no V4L2 device"):
        v4l2.describe_device(node)
    with pytest.raises(CameraError, match="can't be opened: No such file"):
        v4l2.describe_device(str(tmp_path / "video9"))
