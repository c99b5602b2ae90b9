import base64

import cv2
import numpy as np
import pytest

from edgecnn.report.offenders import Offender
from edgecnn_train.quantize.tensors import QuantizationReport, TensorReport
from edgecnn_train.report import page
from tests.edgecnn.report.conftest import Parsed
from tests.train.report.conftest import LABELS, as_model

PNG = b"\x89PNG image"
IMAGES = dict.fromkeys(("training.png", "confusion.png", "reliability.png", "robustness.png"), PNG)


@pytest.fixture
def offenders():
    image = np.zeros((20, 30, 3), np.uint8)
    return (
        Offender("<img src=x>/1.jpg", LABELS[2], LABELS[0], 0.987, image),
        Offender("äpfel/2.jpg", LABELS[0], LABELS[1], 0.5, image[..., 0]),
    )


@pytest.fixture
def layers():
    layer = TensorReport("<conv>", "CONV_2D", 0.0, 6.0, 0.0, 5.9, 0.02, -128, 0.001, 31.0, 35.5, 0.25, None)
    return QuantizationReport(100, (layer,), (), ())


def test_everything_is_escaped_and_nothing_is_fetched(sections, result, offenders, layers, robustness):
    parsed = Parsed(page(as_model(sections | {"robustness": robustness}), result, IMAGES, offenders, layers))
    allowed = {"html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "code", "ul", "li", "b",
               "div", "table", "tr", "th", "td", "img", "figure", "figcaption", "br", "details",
               "summary"}  # fmt: skip
    assert set(parsed.tags) <= allowed
    assert {name for name, _ in parsed.attributes} <= {
        "lang", "charset", "http-equiv", "content", "name", "class", "alt", "src"
    }  # fmt: skip
    sources = [value for name, value in parsed.attributes if name == "src"]
    assert sum(s.startswith("data:image/png;base64,") for s in sources) == 4
    assert sum(s.startswith("data:image/jpeg;base64,") for s in sources) == len(sources) - 4 == len(offenders)
    for text in (*LABELS[:2], sections["title"], "<img src=x>/1.jpg", "<conv>", "photos<", "a <machine>"):
        assert text in parsed.text, text
    for text in ("99%", "78.26%", "0.200 ms", "35.5", "train.epochs", "gaussian noise"):
        assert text in parsed.text, text


def test_every_wrong_image_is_shown(sections, result, offenders):
    text = page(as_model(sections), result, IMAGES, offenders)
    data = text.split("data:image/jpeg;base64,")[-1].split('"')[0]
    shown = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
    assert shown.shape == (20, 30, 3)
    parsed = Parsed(text)
    assert "The 2 test images that int8 misclassifies" in parsed.text
    assert f"{LABELS[2]}, classified as {LABELS[0]} with 99%" in parsed.text
    assert "Poor images" not in parsed.text
    assert "Quantization" not in parsed.text


def test_it_begins_with_a_verdict_and_folds_settings_away(sections, result, offenders, layers):
    text = page(as_model(sections), result, IMAGES, offenders, layers)
    order = [text.index(part) for part in ('class="short"', "<figure>", "<h2>Accuracy", "<details>")]
    assert order == sorted(order)
    folded = [part.split("</summary>")[0] for part in text.split("<summary>")[1:]]
    assert folded == ["Cost", "Quantization, layer by layer", "Settings of the recipe"]


def test_without_a_wrong_answer_there_is_no_sheet(sections, result):
    text = page(as_model(sections), result, IMAGES, ())
    assert "misclassifies no test image" in text
    assert text.count("<img") == 3
