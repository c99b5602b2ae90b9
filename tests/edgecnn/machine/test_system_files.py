import pytest

from edgecnn.machine.system_files import read_system_file, read_temperature


def test_what_is_missing_is_none(tmp_path):
    assert read_system_file("/nowhere/at/all") is None
    (tmp_path / "empty").write_text("\0\n")
    assert read_system_file(tmp_path / "empty") is None


@pytest.mark.parametrize(
    ("text", "degrees"), [("48312\n", 48.312), ("-5000", -5), ("hot", None), ("²", None)]
)
def test_the_temperature_is_that_of_the_first_zone(tmp_path, text, degrees):
    zone = tmp_path / "sys" / "class" / "thermal" / "thermal_zone0"
    zone.mkdir(parents=True)
    (zone / "temp").write_text(text)
    assert read_temperature(tmp_path) == degrees
    assert read_temperature(tmp_path / "other") is None
