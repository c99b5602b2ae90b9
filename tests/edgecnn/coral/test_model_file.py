import random

import pytest

from edgecnn.coral.model_file import min_runtime_version
from tests.models import compiled, package, shipped


@pytest.mark.parametrize("version", [1, 12, 14])
def test_the_version_is_read(version):
    assert min_runtime_version(compiled(shipped("digits"), version)) == version


def test_of_several_packages_the_newest_counts():
    assert min_runtime_version(b"...." + package(12) + package(14) + package(13)) == 14


def test_corals_own_files_need_version_12(shared):
    for name in ("coral/mobilenet_v2_1.0_224_quant_edgetpu", "odd/edgetpu_compiled_misnamed"):
        assert min_runtime_version((shared / f"models/{name}.tflite").read_bytes()) == 12


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"DWN1",
        b"abcdDWN1",
        b"\x00\x00\x00\x00DWN1",
        b"\xff\xff\xff\xffDWN1" + bytes(100),
        b"\x08\x00\x00\x00DWN1\xff\xff\xff\x7f",
        b"\x08\x00\x00\x00DWN1\x00\x00\x00\x80",
        b"DWN1" * 10_000,
        package(13)[:-3],
        package(0),
        package(-5),
        package(1_000_000),
    ],
    ids=lambda data: repr(data[:16]),
)
def test_bytes_that_tell_no_version(data):
    assert min_runtime_version(data) is None


def test_an_uncompiled_model_has_none():
    assert min_runtime_version(shipped("digits")) is None


def test_no_damage_raises():
    whole = package(13)
    chance = random.Random(7)
    for _ in range(5000):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        found = min_runtime_version(bytes(data[: chance.randint(0, len(data))]))
        assert found is None or 0 < found < 1000
