"""Several cameras in a real browser: a tab for each."""

import pytest

from edgecnn.camera.synthetic import SyntheticCamera
from tests.conftest import until
from tests.edgecnn.live.sink.web.browser import DESKTOP, PHONE, errors, pixels, text, texts, view
from tests.edgecnn.live.sink.web.conftest import serve
from tests.edgecnn.live.sink.web.test_page_look import CONTRAST
from tests.edgecnn.live.sink.web.test_view import SOURCES, truth
from tests.edgecnn.live.test_stream import Silent


@pytest.fixture
def several(page):
    """The page of two cameras that see different digits, and one that gives no frame."""
    with serve(source=SOURCES[0], more=[SyntheticCamera(SOURCES[1]), Silent()]) as served:
        page.get(served.url)
        until(lambda: len(texts(page, "#cameras button")) == 3, "the tabs")
        yield served


def choose(page, number: int) -> None:
    page.execute_script("document.querySelectorAll('#cameras button')[arguments[0]].click()", number)


def pressed(page) -> list[str]:
    return texts(page, "#cameras [aria-pressed=true]")


def is_stale(page) -> bool:
    return page.execute_script("return document.body.matches('.stale')")


def test_each_camera_has_a_tab_with_its_answer(page, several):
    names = [
        f"{SOURCES[0]}: {truth(3)}",
        f"{SOURCES[1]}: {truth(8)}",
        "synthetic:seed=9: no new image; waiting …",
    ]
    until(lambda: texts(page, "#cameras button") == names, "the answers of all")
    assert pressed(page) == names[:1]
    assert errors(page) == []


def test_a_tab_shows_its_camera(page, several):
    until(lambda: text(page, "label") == truth(3) and pixels(page), "the first camera")
    first, answers = pixels(page), texts(page, "#strip i")
    choose(page, 1)
    until(lambda: text(page, "label") == truth(8), "the second one's label")
    until(lambda: SOURCES[1] in text(page, "about"), "its name")
    until(lambda: pressed(page)[0].startswith(SOURCES[1]), "its tab")
    until(lambda: pixels(page) not in ("", first), "its image")
    assert page.execute_script("return document.getElementById('snapshot').href").endswith("?camera=1")
    titles = "return [...document.querySelectorAll('#strip i')].map(e => e.title)"
    until(lambda: truth(3) not in page.execute_script(titles), f"its own history, without {answers}")
    choose(page, 0)
    until(lambda: text(page, "label") == truth(3), "the first one again")
    assert errors(page) == []


def test_the_answer_of_another_camera_is_not_taken_for_that_of_a_silent_one(page, several):
    until(lambda: text(page, "label") == truth(3) and not is_stale(page), "the first camera")
    choose(page, 2)
    until(lambda: is_stale(page), "it is dimmed")
    until(lambda: text(page, "notice") == "no new image; waiting …", "it says so")
    assert len(texts(page, "#cameras button")) == 3, "the others are still told"
    choose(page, 1)
    until(lambda: text(page, "label") == truth(8) and not is_stale(page), "one that gives images")
    assert text(page, "notice") == ""


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_tabs_fit_and_can_be_read(page, size, scheme):
    long = SyntheticCamera("synthetic:seed=8,hold=100000")
    long.name = (
        "rtsp://***@camera-at-the-garden-gate.example/axis-media/media.amp?videocodec=h264&resolution=640x480"
    )
    view(page, size, scheme)
    with serve(source=SOURCES[0], more=[long]) as served:
        page.get(served.url)
        until(lambda: len(texts(page, "#cameras button")) == 2, "the tabs")
        assert page.execute_script("return document.documentElement.scrollWidth - innerWidth") <= 0
        heights = "return [...document.querySelectorAll('#cameras button')].map(e => e.offsetHeight)"
        assert min(page.execute_script(heights)) >= 40
        assert page.execute_script(CONTRAST) == []


@pytest.mark.parametrize("size", [PHONE, DESKTOP, (844, 390)], ids=["phone", "desktop", "lying phone"])
def test_full_screen_has_the_tabs(page, several, size):
    from selenium.webdriver.common.by import By

    view(page, size)
    full = page.find_element(By.ID, "full")
    full.click()
    until(lambda: page.execute_script("return !!document.fullscreenElement"), "full screen")
    tops = "return [...document.querySelectorAll('#cameras button')].map(e => e.getBoundingClientRect().top)"
    assert min(page.execute_script(tops)) >= 0
    choose(page, 1)
    until(lambda: text(page, "label") == truth(8), "the other camera")
    page.execute_script("return document.exitFullscreen()")
    view(page)


def test_one_camera_has_no_tab(page, served):
    page.get(served.url)
    until(lambda: text(page, "label") != "…", "a label")
    assert not page.execute_script("return document.getElementById('cameras').checkVisibility()")
