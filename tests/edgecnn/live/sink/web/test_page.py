"""The page in a real browser: Debian's `chromium` and `chromium-driver`."""

import shutil

import pytest

from edgecnn.live.sink.web.listen import Listen
from tests.conftest import draw_seven, until
from tests.edgecnn.live.sink.web.conftest import serve

selenium = pytest.importorskip("selenium")
BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (BROWSER and DRIVER), reason="needs a browser: apt install chromium chromium-driver"
)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    """A browser the size of a phone; one for all tests here, because it takes seconds to start."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--window-size=412,915", f"--user-data-dir={tmp_path_factory.mktemp('chromium')}",
    ):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def page(chromium):
    chromium.get("about:blank")
    chromium.get_log("browser")
    yield chromium
    chromium.get("about:blank")


def text(page, name: str) -> str:
    return page.execute_script("return document.getElementById(arguments[0]).textContent", name)


def texts(page, selector: str) -> list[str]:
    return page.execute_script(
        "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent.trim())", selector
    )


def pixels(page) -> str:
    """What the image shows now, as the browser drew it."""
    return page.execute_script(
        """const image = document.getElementById("picture");
        const canvas = document.createElement("canvas");
        [canvas.width, canvas.height] = [64, 48];
        canvas.getContext("2d").drawImage(image, 0, 0, 64, 48);
        return image.naturalWidth ? canvas.toDataURL() : "";"""
    )


def pressed(page) -> str | None:
    return page.execute_script(
        "return document.querySelector('#variants [aria-pressed=true]')?.textContent ?? null"
    )


def errors(page) -> list[str]:
    return [entry["message"] for entry in page.get_log("browser") if entry["level"] == "SEVERE"]


def test_the_image_moves_and_the_label_changes(page, served):
    page.get(served.url)
    until(lambda: pixels(page), "an image")
    first = pixels(page)
    until(lambda: pixels(page) != first, "another image")
    label = until(lambda: text(page, "label") in "0123456789" and text(page, "label"), "a label")
    until(lambda: text(page, "label") != label, "another label")
    until(lambda: float(text(page, "fps")) > 0, "a frame rate")
    points = page.execute_script("return document.querySelector('#spark polyline').getAttribute('points')")
    assert len(points.split()) > 1
    rows = texts(page, "#stages th")
    assert rows == ["preprocess", "inference", "decode", "total", "age"]
    assert text(page, "right").endswith("%")
    assert errors(page) == []


def test_it_fits_a_phone(page, served):
    page.get(served.url)
    until(lambda: pixels(page), "an image")
    until(lambda: text(page, "ranking"), "the best classes")
    wide, seen = page.execute_script(
        "return [document.documentElement.scrollWidth - innerWidth, "
        "document.getElementById('seen').getBoundingClientRect().toJSON()]"
    )
    assert wide <= 0, "nothing sticks out to the side"
    image = page.execute_script("return document.getElementById('picture').getBoundingClientRect().toJSON()")
    # The model sees 448×448 in the middle of 640×480.
    assert seen["width"] / image["width"] == pytest.approx(0.7, abs=0.02)
    assert seen["left"] - image["left"] == pytest.approx(image["width"] * 0.15, abs=3)
    small = page.execute_script(
        "return [...document.querySelectorAll('button, .button')].filter(e => e.offsetHeight < 40).length"
    )
    assert small == 0, "a finger hits each button"


def test_the_switch_works(page, served):
    page.get(served.url)
    until(lambda: pressed(page) == "int8", "int8 runs")
    page.execute_script("document.querySelectorAll('#variants button')[1].click()")
    until(lambda: pressed(page) == "float32", "float32 runs")
    assert errors(page) == []


def test_pausing_is_shown(page, served):
    page.get(served.url)
    until(lambda: text(page, "label") != "…", "a label")
    page.execute_script("document.getElementById('pause').click()")
    until(lambda: text(page, "notice") == "paused", "it says so")
    page.execute_script("document.getElementById('pause').click()")
    until(lambda: text(page, "notice") == "", "it continues")


def test_a_photo_is_classified(page, served, tmp_path):
    import cv2
    from selenium.webdriver.common.by import By

    cv2.imwrite(str(tmp_path / "seven.png"), draw_seven())
    (tmp_path / "no.png").write_bytes(b"not an image")
    page.get(served.url)
    page.find_element(By.ID, "upload").send_keys(str(tmp_path / "seven.png"))
    until(lambda: text(page, "verdict").startswith("seven.png: 7 "), "its label")
    until(
        lambda: page.execute_script("return document.getElementById('thumbnail').width") == 192, "it is seen"
    )
    top, bottom = page.execute_script(
        "const box = document.getElementById('uploaded').getBoundingClientRect();"
        "return [box.top, innerHeight - box.bottom]"
    )
    assert top >= 0, "it is in view"
    assert bottom >= -1
    page.find_element(By.ID, "upload").send_keys(str(tmp_path / "no.png"))
    until(lambda: text(page, "verdict") == "no.png was not classified", "that it is none")
    assert page.execute_script("return document.getElementById('thumbnail').width") == 1


def test_a_bar_fills_its_row_by_the_score(page, served):
    page.get(served.url)
    until(lambda: texts(page, "#ranking li"), "the best classes")
    rows = page.execute_script(
        """return [...document.querySelectorAll("#ranking li")].map((row) => {
          const [whole, bar] = [row, row.querySelector(".bar")].map((e) => e.getBoundingClientRect());
          return [parseFloat(row.lastChild.textContent), bar.width / whole.width, bar.height / whole.height];
        });"""
    )
    assert len(rows) == 3
    for score, wide, high in rows:
        assert wide == pytest.approx(score / 100, abs=0.02)
        assert high == 1


def test_the_model_the_camera_and_the_machine_are_named(page, served):
    import socket

    page.get(served.url)
    until(lambda: text(page, "about"), "the names")
    assert text(page, "about") == f"digits, synthetic:fps=60, on {socket.gethostname()}"
    assert page.title == f"digits on {socket.gethostname()} – edgecnn"


def test_every_number_is_explained_where_it_is_tapped(page, served):
    page.get(served.url)
    until(lambda: texts(page, "#stages th"), "figures")
    names = texts(page, "#figures th:not(:first-child), #stages th, dt")
    assert names == texts(page, "#figures :is(th, dt) span[title]:not([title=''])")
    page.execute_script("document.querySelector('dl span').click()")
    assert text(page, "explained").startswith("frames a second: Frames that were")
    page.execute_script("document.querySelector('h1').click()")
    assert not text(page, "explained")


def is_stale(page) -> bool:
    return page.execute_script("return getComputedStyle(document.getElementById('answer')).opacity < 0.5")


def test_after_the_end_the_old_label_is_not_taken_for_a_new_one(page):
    with serve() as first:
        page.get(first.url)
        until(lambda: text(page, "label") != "…", "a label")
        assert not is_stale(page)
        port = first.port
    until(lambda: text(page, "notice") == "the run has ended", "the end")
    until(lambda: is_stale(page), "the old label is dim")
    with serve(Listen(port=port)):
        until(lambda: text(page, "notice") == "", "that it is back")
        assert not is_stale(page)


def test_a_lost_connection_is_said_and_the_old_label_is_dim(page, served, monkeypatch):
    monkeypatch.setattr("edgecnn.live.sink.web.streams.END", ": nothing\n\n")
    page.get(served.url)
    until(lambda: text(page, "label") != "…", "a label")
    served.sink.close()
    until(lambda: "no connection" in text(page, "notice"), "that the server is gone")
    assert is_stale(page)


def test_it_comes_back_when_the_server_does(page):
    with serve() as first:
        page.get(first.url)
        until(lambda: pixels(page), "an image")
        port = first.port
    until(lambda: text(page, "notice"), "that the server is gone")
    with serve(Listen(port=port), source="synthetic:fps=60,seed=9"):
        until(lambda: text(page, "notice") == "", "that it is back")
        before = pixels(page)
        until(lambda: pixels(page) != before, "the image moves again")


def test_the_token_is_asked_for(page, tmp_path):
    from selenium.webdriver.common.by import By

    token = "a-token-of-some-length"
    (tmp_path / "token").write_text(token)
    with serve(Listen(port=0, token_file=str(tmp_path / "token"))) as locked:
        page.get(locked.url)
        assert page.execute_script("return getComputedStyle(document.forms[0]).maxWidth") == "416px", (
            "its style"
        )
        field = page.find_element(By.NAME, "token")
        field.send_keys(token)
        field.submit()
        until(lambda: page.execute_script("return !!document.getElementById('picture')"), "the page")
        until(lambda: pixels(page), "an image")
        assert "token" not in page.current_url
