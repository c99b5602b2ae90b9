"""Push buttons, on gpiozero's simulated pins."""

import time

import pytest

from edgecnn.errors import DataError, OptionError
from edgecnn.teaching.buttons import held_buttons, parse_button
from tests.conftest import until

gpiozero = pytest.importorskip("gpiozero")


@pytest.fixture
def pins(monkeypatch):
    from gpiozero.pins.mock import MockFactory

    factory = MockFactory()
    monkeypatch.setattr(gpiozero.Device, "pin_factory", factory)
    yield factory
    factory.close()


def test_a_button_records_while_it_is_held(teacher, pins):
    with held_buttons(teacher, [parse_button("17=cup"), parse_button("27 = red ball")]):
        pins.pin(17).drive_low()
        until(lambda: teacher.recording and teacher.recording.label == "cup", "a recording")
        pins.pin(17).drive_high()
        until(lambda: teacher.recording is None, "its end")
        pins.pin(27).drive_low()
        until(lambda: teacher.recording and teacher.recording.label == "red ball", "a recording")
    time.sleep(0.1)
    pins.pin(17).drive_low()
    assert teacher.recording.label == "red ball", "closed buttons do nothing"


def test_a_pin_that_is_used_twice_is_refused(teacher, pins):
    with pytest.raises(OptionError, match="GPIO 17"), held_buttons(teacher, [(17, "cup"), (17, "ball")]):
        pass


@pytest.mark.parametrize("text", ["17", "=cup", "x=cup", "28=cup", "-1=cup", ""])
def test_what_is_no_button_is_refused(text):
    with pytest.raises(OptionError, match="--button 17=cup"):
        parse_button(text)


def test_a_class_without_a_name_is_refused():
    with pytest.raises(DataError):
        parse_button("17= ")
