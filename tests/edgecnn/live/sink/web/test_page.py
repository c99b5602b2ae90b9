"""The live page in a real browser: Debian's `chromium` and `chromium-driver`."""

import json

import pytest

from edgecnn.live.sink.web.listen import Listen
from tests.conftest import draw_seven, until
from tests.edgecnn.live.sink.web.browser import errors, pixels, text, texts
from tests.edgecnn.live.sink.web.conftest import serve


def pressed(page) -> str | None:
    return page.execute_script(
        "return document.querySelector('#variants [aria-pressed=true] b')?.textContent ?? null"
    )


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
        "return [...document.querySelectorAll('button, .button')]"
        ".filter(e => e.offsetParent && e.offsetHeight < 40).length"
    )
    assert small == 0, "a finger hits each button"


def test_the_switch_works(page, served):
    page.get(served.url)
    until(lambda: pressed(page) == "int8", "int8 runs")
    page.execute_script("document.querySelectorAll('#variants button')[1].click()")
    until(lambda: pressed(page) == "float32", "float32 runs")
    assert errors(page) == []


def test_a_single_variant_is_no_choice(page):
    with serve(plain=True) as served:
        page.get(served.url)
        until(lambda: text(page, "label") != "…", "a label")
        assert not page.execute_script("return document.getElementById('variants').checkVisibility()")


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


def set_slider(page, name: str, value: float) -> None:
    page.execute_script(
        """const input = document.getElementById("set-" + arguments[0]);
        input.value = arguments[1];
        input.dispatchEvent(new Event("input"));""",
        name,
        value,
    )


def test_a_slider_takes_effect_immediately(page, served):
    page.get(served.url)
    until(lambda: text(page, "is-threshold"), "the settings in force")
    assert (text(page, "is-smooth"), text(page, "is-hold")) == ("40 %", "4")
    until(lambda: text(page, "label") in "0123456789", "a label")
    set_slider(page, "threshold", 1)
    until(lambda: text(page, "label") == "unknown", "that nothing is sure enough")
    set_slider(page, "threshold", 0)
    assert text(page, "is-threshold") == "off"
    set_slider(page, "hold", 1)
    until(lambda: text(page, "label") in "0123456789", "a label again")
    until(
        lambda: served.sink._views[0].status["settings"] == {"threshold": 0, "smooth": 0.4, "hold": 1}, "both"
    )
    assert errors(page) == []


def test_what_another_page_sets_is_shown(page, served):
    page.get(served.url)
    until(lambda: text(page, "is-hold") == "4", "the settings in force")
    served.ask("/api/v1/settings", "POST", json.dumps({"hold": 7}))
    until(lambda: text(page, "is-hold") == "7", "the new setting")
    assert page.execute_script("return document.getElementById('set-hold').value") == "7"


def test_both_variants_show_their_latency_once_they_have_run(page, served):
    page.get(served.url)
    until(lambda: texts(page, "#variants small"), "the variants")
    assert texts(page, "#variants small")[1] == "not run yet"
    page.execute_script("document.querySelectorAll('#variants button')[1].click()")
    until(lambda: all(each.endswith(" ms") for each in texts(page, "#variants small")), "both latencies")


def test_the_camera_is_described(page, served):
    page.get(served.url)
    until(lambda: text(page, "camera").startswith("640 × 480, "), "its size")
    until(lambda: int(text(page, "camera").split(", ")[1].split()[0]) > 20, "its rate")


def test_the_history_survives_the_page(page, served):
    page.get(served.url)
    until(lambda: len(texts(page, "#strip i")) > 2, "some answers")
    page.execute_script("window.stays = 1")
    before = page.execute_script("return document.getElementById('strip').firstChild.title")
    page.get(served.url)
    until(lambda: texts(page, "#strip i"), "the answers from memory")
    assert page.execute_script("return window.stays === undefined")
    titles = "return [...document.querySelectorAll('#strip i')].map(e => e.title)"
    until(lambda: before in page.execute_script(titles), "an answer of before")
    assert text(page, "past") == "the last minute"
    name = page.execute_script("return document.getElementById('strip').ariaLabel")
    assert name.startswith("the last minute, the latest answers: ")


def test_the_image_is_saved(page, served):
    page.get(served.url)
    until(lambda: pixels(page), "an image")
    href = page.execute_script("return document.getElementById('snapshot').href")
    assert href == served.url + "api/v1/snapshot.png"
    assert served.ask("/api/v1/snapshot.png")[0] == 200


def test_full_screen_shows_image_and_answer(page, served):
    from selenium.webdriver.common.by import By

    page.get(served.url)
    until(lambda: pixels(page), "an image")
    page.find_element(By.ID, "full").click()
    until(lambda: page.execute_script("return document.fullscreenElement?.id") == "now", "full screen")
    sizes = page.execute_script(
        "return ['view', 'answer'].map(id => document.getElementById(id).getBoundingClientRect().height)"
    )
    assert min(sizes) > 100
    page.find_element(By.ID, "full").click()
    until(lambda: page.execute_script("return document.fullscreenElement === null"), "the page")


def test_an_answer_is_read_aloud_once_it_lasts(page):
    with serve(source="synthetic:fps=30,hold=120") as slow:
        page.get(slow.url)
        until(lambda: text(page, "label") in "0123456789", "a label")
        until(lambda: text(page, "spoken") == text(page, "label"), "the same, for a screen reader")
    assert page.execute_script("return document.querySelector('#answer').closest('[aria-live]') === null")


def test_what_is_refused_is_said(page, served):
    page.get(served.url)
    until(lambda: texts(page, "#variants button"), "the variants")
    page.execute_script("return import('./api.js').then(api => api.act('variant', 'int4')).then(() => null)")
    assert text(page, "message") == "there is no variant 'int4': choose int8, float32"


def test_without_teaching_its_tools_are_hidden(page, served):
    page.get(served.url)
    until(lambda: text(page, "label") != "…", "a label")
    assert not page.execute_script(
        "return ['tabs', 'classes', 'photos', 'report', 'review', 'versions', 'correct']"
        ".filter(id => document.getElementById(id).checkVisibility()).length"
    )
    loaded = page.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert not [name for name in loaded if "/teach/" in name], "its modules are not even loaded"
