import base64

import cv2
import numpy as np

from edgecnn.report.blocks import Gallery, Photo, ReportImage, ReportSection, Table
from edgecnn.report.card import render_card
from edgecnn.report.offenders import Offender, worst_answers
from edgecnn.report.page import render_page
from tests.edgecnn.report.conftest import Parsed

EVIL = '<script>&amp; $x `k` **b** | "'
PHOTO = Photo(np.full((20, 30, 3), 200, np.uint8), EVIL, ("bold", f", not {EVIL}", "bold again"))
SECTIONS = [
    ReportSection("In short", ("It **works** with `code`.", ("one", EVIL))),
    ReportSection("Photos", (f"of {EVIL}", Gallery((PHOTO,)))),
    ReportSection("Table", (Table(("a", "b"), ((EVIL, "1"),)), ReportImage("plot.png", EVIL)), folded=True),
]


def test_every_block_is_on_the_page_and_escaped():
    text = render_page(EVIL, "mine", SECTIONS, {"plot.png": b"png"})
    parsed = Parsed(text)
    assert "script" not in parsed.tags
    assert parsed.text.count(EVIL) == 5, "twice the title, the cell, the caption and the id"
    assert "<b>works</b> with <code>code</code>" in text
    assert "<b>bold</b>, not &lt;script&gt;" in text
    assert "**b** | &quot;<b>bold again</b><br>" in text, "no markup of a caption is read"
    assert "<summary>Table</summary>" in text
    assert "<h2>Photos</h2>" in text
    assert "In short" not in text, "the first section stands out without a heading"
    sources = [value.split(",") for name, value in parsed.attributes if name == "src"]
    assert base64.b64decode(sources[1][1]) == b"png"
    shown = cv2.imdecode(np.frombuffer(base64.b64decode(sources[0][1]), np.uint8), cv2.IMREAD_COLOR)
    assert shown.shape == (20, 30, 3)


def test_a_card_has_no_section_with_photos():
    text = render_card("Mine", "mine", SECTIONS)
    assert text.splitlines()[:8] == [
        "# Mine", "", "`edgecnn classify IMAGE --model mine`", "", "It **works** with `code`.", "",
        "- one", f"- {EVIL}",
    ]  # fmt: skip
    assert "Photos" not in text
    assert "bold again" not in text
    assert "## Table\n\n| a | b |\n|---|---:|\n" in text
    assert f"![{EVIL}](plot.png)" in text
    assert text.endswith("the bundle contains no image of its dataset.\n")
    assert "`mine.report.html`" in text


def test_the_worst_answers_are_a_section_with_photos():
    assert worst_answers("mine", ()).blocks == ("int8 misclassifies no test image.",)
    one = worst_answers("mine", (Offender("1.jpg", "cat", "dog", 0.987, PHOTO.image),))
    text, photos = one.blocks
    assert text.startswith("The test image that int8 misclassifies")
    assert "The bundle `mine` has none of them in it." in text
    assert photos.photos[0].caption == ("cat", ", classified as ", "dog", " with 99%")
