"""What notebooks show: read as a browser reads it."""

import base64
from html.parser import HTMLParser

import cv2
import numpy as np

import edgecnn
from edgecnn.frame import Box, Frame, Prediction, Result, Timings
from edgecnn.io.notebook import image_with_scores

RED = np.full((40, 60, 3), (0, 0, 250), np.uint8)


class Page(HTMLParser):
    """The image, the tags and the texts of a piece of HTML."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self.open = [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def image(self):
        [image] = [attrs for tag, attrs in self.tags if tag == "img"]
        data = base64.b64decode(image["src"].partition("base64,")[2])
        return cv2.imdecode(np.frombuffer(data, np.uint8), 1), image["alt"]


def test_it_has_the_image_and_a_bar_for_each_score():
    page = Page(image_with_scores(RED, "cup", [("cup", 0.75), ("ball", 0.25)], "5 of camera"))
    pixels, name = page.image
    assert (pixels.shape, name) == (RED.shape, "cup")
    assert np.abs(pixels.astype(int) - RED).max() < 8
    bars = [attrs["style"] for tag, attrs in page.tags if tag == "div"]
    assert [bar.rpartition("width:")[2] for bar in bars] == ["75.0%", "25.0%"]
    assert page.texts == ["cup", "cup", "0.750", "ball", "0.250", "5 of camera"]


def test_large_images_become_small():
    large = np.zeros((480, 640, 3), np.uint8)
    assert Page(image_with_scores(large, "", [])).image[0].shape == (240, 320, 3)
    assert Page(image_with_scores(np.zeros((1, 5000, 3), np.uint8), "", [])).image[0].shape == (1, 320, 3)


def test_no_label_is_markup():
    evil = '<script>alert("x")</script>\x1b[2J'
    page = Page(image_with_scores(RED, evil, [(evil, 0.5)], evil))
    assert "script" not in [tag for tag, _ in page.tags]
    assert all("\x1b" not in text for text in page.texts)
    assert page.texts[0].startswith("<script>")
    assert page.image[1] == page.texts[0]


def test_a_result_shows_what_was_classified():
    with edgecnn.open_camera("synthetic:seed=3") as camera, edgecnn.load("digits") as classifier:
        result = classifier.classify_frame(camera.read(), top=10)
    page = Page(result._repr_html_())
    assert page.texts[0] == result.shown
    assert page.texts[1::2][:5] == [p.label for p in result.predictions[:5]]
    assert len([tag for tag, _ in page.tags if tag == "tr"]) == 5
    part = Frame(np.zeros((100, 100, 3), np.uint8), 0, 0, "x", roi=Box(10, 20, 30, 40))
    shown = Result(part, [Prediction("a", 0, 1.0)], Timings(0.0, 0.0, 0.0), 1.0)._repr_html_()
    assert Page(shown).image[0].shape == (40, 30, 3)
