"""Classes, recordings and corrections on the page, in a real browser, against the API in memory."""

import pytest

from tests.conftest import until
from tests.edgecnn.live.sink.web.browser import (
    answer,
    asked,
    click,
    errors,
    name_of,
    press,
    shown,
    text,
    texts,
    type_into,
)
from tests.edgecnn.live.sink.web.conftest import serve
from tests.edgecnn.live.sink.web.fake_teach import FakeTeach


def test_an_empty_page_says_what_to_do(page):
    fake = FakeTeach()
    with serve(pages=fake) as served:
        page.get(served.url)
        until(lambda: text(page, "guide").startswith("Name two things"), "the first step")
        for label, guide in (("cup", "Now name the second thing."), ("pen", "Show cup to the camera.")):
            type_into(page, "#new", label)
            click(page, "#add button")
            until(lambda g=guide: text(page, "guide").startswith(g), "the next step")
        assert fake.classes == ["cup", "pen"]
        until(lambda: name_of(page) == "pen", "that the new class is selected")
        assert not shown(page, "#correct"), "there is nothing to correct yet"
        for label, guide in (("cup", "Show pen to the camera."), ("pen", "10 more photos")):
            for _ in range(6):
                fake.add(label)
            until(lambda g=guide: text(page, "guide").startswith(g), "the step after")
        assert errors(page) == []


def test_the_classes_have_their_count_score_and_newest_photo(page, taught, teach):
    until(lambda: texts(page, "#rows .count") == ["8 photos", "6 photos"], "the counts")
    newest = list(teach.photos)[7]
    face = "return decodeURIComponent(document.querySelector('#rows img').src)"
    until(lambda: page.execute_script(face).endswith(newest), "the newest photo")
    added = teach.add("seven")
    until(lambda: page.execute_script(face).endswith(added), "a newer one")


def test_the_scores_fill_the_classes_rows(page, teach):
    teach.classes = list("0123456789")
    with serve(pages=teach) as served:
        page.get(served.url)
        row = "document.querySelector('#rows .is')"
        until(lambda: page.execute_script(f"return {row}?.dataset.key") == text(page, "label"), "the answer")
        until(
            lambda: page.execute_script(
                f"const [bar, whole] = [{row}?.querySelector('.bar'), {row}?.querySelector('.scored')];"
                "return bar && bar.offsetWidth / whole.clientWidth > 0.9"
            ),
            "its bar",
        )
        assert not page.execute_script("return document.getElementById('unknown').matches('.is')")


def test_holding_the_button_records(page, taught, teach):
    press(page, "pointerdown", "#rows li:nth-child(2) .record")
    until(lambda: text(page, "recorded").startswith("● three: "), "that it records")
    until(lambda: teach.count("three") > 8, "photos")
    until(lambda: len(asked(teach, "record/keep")) >= 2, "signs of life")
    assert name_of(page) == "three", "it is selected"
    assert shown(page, "#rows .recorded")
    press(page, "pointerup", "#rows li:nth-child(2) .record")
    until(lambda: teach.recording is None, "the end")
    until(lambda: text(page, "recorded") == "", "that it says so")
    assert errors(page) == []


def test_a_short_tap_leaves_nothing_running(page, taught, teach):
    """The release may come before the server's answer to the press."""
    page.execute_script("window.slow = fetch; fetch = async (...a) => { "
                        "const r = await slow(...a); if (`${a[0]}`.includes('start')) "
                        "await new Promise(done => setTimeout(done, 500)); return r; }")  # fmt: skip
    press(page, "pointerdown", "#rows .record")
    press(page, "pointerup", "#rows .record")
    until(lambda: asked(teach, "record/stop"), "the end")
    assert teach.recording is None
    assert not asked(teach, "record/keep")


@pytest.mark.parametrize(("key", "label"), [(" ", "seven"), ("2", "three")])
def test_holding_a_key_records(page, taught, teach, key, label):
    press(page, "keydown", "body", key=key)
    until(lambda: (teach.recording or {}).get("label") == label, "that it records")
    press(page, "keydown", "body", key=key, repeat=True)
    press(page, "keyup", "body", key=key)
    until(lambda: teach.recording is None, "the end")
    assert len(asked(teach, "record/start")) == 1


def test_keys_in_a_field_are_text(page, taught, teach):
    type_into(page, "#new", "cup 2")
    assert page.execute_script("return document.getElementById('new').value") == "cup 2"
    assert not asked(teach, "record/start")


def test_a_click_of_a_screen_reader_starts_and_ends(page, taught, teach):
    click(page, "#rows .record")
    until(lambda: teach.recording, "that it records")
    click(page, "#rows .record")
    until(lambda: teach.recording is None, "the end")


@pytest.mark.parametrize("event", ["visibilitychange", "pagehide", "blur"])
def test_a_recording_ends_with_the_page(page, taught, teach, event):
    press(page, "pointerdown", "#rows .record")
    until(lambda: teach.recording, "that it records")
    page.execute_script(
        "Object.defineProperty(document, 'hidden', {get: () => true, configurable: true});"
        "const where = arguments[0] === 'visibilitychange' ? document : window;"
        "where.dispatchEvent(new Event(arguments[0]))",
        event,
    )
    until(lambda: asked(teach, "record/stop"), "the end")
    assert teach.recording is None


def test_a_recording_ends_when_the_page_is_left(page, taught, teach):
    press(page, "pointerdown", "#rows .record")
    until(lambda: asked(teach, "record/keep"), "that it records")
    page.get("about:blank")
    until(lambda: asked(teach, "record/stop"), "the end")
    assert teach.recording is None


def test_a_recording_ends_without_a_connection(page, taught, teach):
    press(page, "pointerdown", "#rows .record")
    until(lambda: text(page, "recorded"), "that it records")
    taught.sink.close()
    until(lambda: not shown(page, ".recording"), "the end")
    until(lambda: page.execute_script("return document.body.matches('.stale')"), "that it says so")


def test_a_recording_that_the_server_ended_ends_on_the_page(page, taught, teach):
    press(page, "pointerdown", "#rows .record")
    until(lambda: teach.recording, "that it records")
    teach.recording = None
    until(lambda: text(page, "message") == "this recording has ended", "why")
    until(lambda: text(page, "recorded") == "", "the end")


def test_two_who_teach_see_each_other(page, taught, teach):
    teach._start("three")
    until(lambda: text(page, "recorded").startswith("● three: "), "what the other one records")
    teach._add_class("nine")
    until(lambda: "nine" in texts(page, "#rows .name"), "the new class")


def test_a_class_is_renamed(page, taught, teach):
    click(page, "#rows li button:nth-of-type(2)")
    type_into(page, "dialog input", "sept")
    answer(page, "rename")
    until(lambda: texts(page, "#rows .name") == ["sept", "three"], "the new name")
    until(lambda: name_of(page) == "sept", "that it stays selected")


def test_a_class_is_merged_after_a_question(page, taught, teach):
    click(page, "#rows li button:nth-of-type(2)")
    type_into(page, "dialog input", "three")
    answer(page, "rename")
    until(lambda: text(page, "dialog").startswith("three exists."), "the question")
    answer(page, "merge")
    until(lambda: texts(page, "#rows .count") == ["14 photos"], "both in one")
    assert text(page, "message").startswith("8 photos moved to three.")
    click(page, "#message button")
    until(lambda: texts(page, "#rows .name") == ["three", "seven"], "the class is back")
    until(lambda: texts(page, "#rows .count") == ["6 photos", "8 photos"], "with its photos")


def test_a_class_is_removed_after_a_question(page, taught, teach):
    click(page, "#rows li button:nth-of-type(2)")
    answer(page, "removeClass")
    until(lambda: ".trash" in text(page, "dialog"), "where the photos go")
    assert teach.classes == ["seven", "three"]
    answer(page, "removeClass")
    until(lambda: texts(page, "#rows .name") == ["three"], "that it is gone")
    click(page, "#message button")
    until(lambda: texts(page, "#rows .count") == ["6 photos", "8 photos"], "that it is back")


def test_a_class_that_exists_is_refused(page, taught, teach):
    type_into(page, "#new", "seven")
    click(page, "#add button")
    until(lambda: text(page, "message") == "there is a class 'seven' already", "why")


def test_an_answer_is_corrected_and_taken_back(page, taught, teach):
    until(lambda: texts(page, "#really button") == ["seven", "three"], "the classes")
    before = len(texts(page, "#strip i"))
    until(lambda: len(texts(page, "#strip i")) > before, "answers")
    click(page, "#really button:last-child")
    until(lambda: teach.count("three") == 7, "the frame")
    (body,) = asked(teach, "correct")
    assert body["label"] == "three"
    assert body["frame"] > 0
    until(lambda: text(page, "message").startswith("This image is three."), "that it says so")
    click(page, "#message button")
    until(lambda: teach.count("three") == 6, "that it is taken back")
