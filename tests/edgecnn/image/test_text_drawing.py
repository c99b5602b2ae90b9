"""Texts in any script: on images, and in figures."""

import shutil
import warnings

import cv2
import numpy as np
import pytest

from edgecnn.image import fonts, text_drawing
from edgecnn.image.figure_text import figure_texts
from edgecnn.image.fonts import likeness
from edgecnn.image.text_drawing import drawable, put_text, text_width

WHITE = (255, 255, 255)
needs_faces = pytest.mark.skipif(not hasattr(cv2, "FontFace"), reason="OpenCV 4 has no fonts for it")


@pytest.fixture
def bare(monkeypatch):
    """A system without fonts, on which nothing was drawn yet."""
    caches = (text_drawing._font_with, text_drawing._mask, text_drawing.drawable)

    def forget():
        for cached in caches:
            cached.cache_clear()
        fonts._told.clear()

    monkeypatch.setattr(text_drawing, "fonts_with", lambda char: ())
    forget()
    yield
    forget()


def drawn(text: str, scale: float = 1.2) -> np.ndarray:
    image = np.zeros((80, 700, 3), np.uint8)
    put_text(image, text, (10, 50), scale, WHITE, 2)
    return image


@needs_faces
@pytest.mark.parametrize(
    "text", ["äpfel", "Straße", "кошка", "猫", "東京 かな", "カタカナ", "고양이", "Ωμέγα", "✓ →"]
)
def test_names_are_drawn_as_they_are(bare, capfd, text):
    assert drawable(text) == text
    image = drawn(text)
    assert image.any()
    # Each character is drawn differently: none is the sign for a missing one.
    assert len({text_drawing._probe("sans", c).tobytes() for c in set(text)}) == len(set(text))
    assert not np.array_equal(image, drawn("?" * len(text)))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("äpfel", "apfel"), ("Straße", "Strasse"), ("Łódź", "Lodz"), ("猫", "[cjk]"), ("кот", "[cyrillic]"),
        ("a 🐱!", "a [cat face]!"), ("❤️", "[heavy black heart]"), ("👍🏽", "[thumbs up sign]"),
        ("हिन्दी", "[devanagari]"), ("\u0378", "[unknown]"),
    ],
)  # fmt: skip
def test_what_no_font_has_is_readable(text, shown):
    assert likeness(text, str.isascii) == shown


def test_a_likeness_is_told_once(bare, capfd):
    image = drawn("हिन्दी  98.0%")
    drawn("ไทย")
    assert image.any()
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert "no font here has all characters of 'हिन्दी', which is drawn as '[devanagari]'" in said


def test_opencv_4_draws_likenesses(bare, monkeypatch):
    monkeypatch.delattr(cv2, "FontFace", raising=False)
    assert drawable("äpfel und 猫") == "apfel und [cjk]"
    assert text_width("äpfel", 1) == text_width("apfel", 1)
    assert drawn("äpfel").any()


@needs_faces
@pytest.mark.skipif(
    not (shutil.which("fc-list") and fonts.fonts_with("a")), reason="needs fontconfig and fonts"
)
def test_a_font_of_the_system_is_found_by_a_character():
    found = fonts.fonts_with("a")
    assert 1 <= len(found) <= 5
    assert fonts.fonts_with(chr(0x10FFFF)) == ()
    assert text_drawing._has(found[0], "a")


def test_ascii_is_drawn_as_ever():
    image = np.zeros((80, 700, 3), np.uint8)
    cv2.putText(image, "cat  98.3%", (10, 50), cv2.FONT_HERSHEY_SIMPLEX, 1.2, WHITE, 2, cv2.LINE_AA)
    split = drawn("cat  98.3%")
    assert np.array_equal(image, split)
    assert text_width("", 1) == 0


def test_what_reaches_beyond_the_image_is_cut_off():
    image = np.zeros((20, 30, 3), np.uint8)
    for origin in ((-15, 10), (20, 15), (5, -2), (5, 40), (100, 10), (-900, 10)):
        put_text(image, "猫猫", origin, 1.0, WHITE)
    assert image.any()


def test_a_name_is_drawn_once_whatever_number_follows_it(monkeypatch):
    text_drawing._mask.cache_clear()
    for number in range(20):
        drawn(f"кошка  {number}.0%")
    assert text_drawing._mask.cache_info().misses == 1


def test_a_live_frame_shows_any_label(bare):
    from edgecnn.frame import Frame, Prediction, Result, Timings
    from edgecnn.live.sink.window import annotate
    from edgecnn.live.stats import Stats

    def shown(label: str) -> np.ndarray:
        frame = Frame(np.zeros((480, 640, 3), np.uint8), 0, 0, "x")
        return annotate(Result(frame, [Prediction(label, 0, 0.5)], Timings(1, 1, 1), 1.0), Stats())

    assert not np.array_equal(shown("猫"), shown("犬"))
    assert not np.array_equal(shown("猫"), shown("?"))


def test_figures_say_nothing_raw_and_show_no_boxes(monkeypatch, capfd):
    from matplotlib.figure import Figure

    monkeypatch.setattr("edgecnn.image.figure_text.fonts_with", lambda char: ())
    fonts._told.clear()
    with warnings.catch_warnings(record=True) as caught, figure_texts(["猫", "äpfel", "$5$"]) as write:
        warnings.simplefilter("always")
        shown = [write(text) for text in ("猫", "äpfel", "$5$")]
        figure = Figure()
        for k, text in enumerate(shown):
            figure.text(0.1, 0.1 * k, text)
        figure.canvas.draw()
    assert shown == ["[cjk]", "äpfel", r"\$5\$"]
    assert not caught
    assert "no font here has all characters of '猫'" in capfd.readouterr().err


def test_a_figure_uses_a_font_of_the_system(monkeypatch):
    from matplotlib import font_manager, rcParams

    serif = font_manager.findfont("STIXGeneral")  # stands for one that Matplotlib does not choose on its own
    has = font_manager.get_font(serif).get_charmap()
    lacks = font_manager.get_font(font_manager.findfont("DejaVu Sans")).get_charmap()
    char = chr(min(code for code in set(has) - set(lacks) if code > 0x2000 and chr(code).isprintable()))
    monkeypatch.setattr("edgecnn.image.figure_text.fonts_with", lambda wanted: (serif,))
    with figure_texts([char]) as write:
        assert write(char) == char
        assert rcParams["font.family"] == ["DejaVu Sans", "STIXGeneral"]
