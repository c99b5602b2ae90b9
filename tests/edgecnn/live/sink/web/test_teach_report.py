"""How good it is, frames to review, and versions, on the page."""

import re

from tests.conftest import until
from tests.edgecnn.live.sink.web.browser import (
    answer,
    asked,
    click,
    errors,
    name_of,
    open_tab,
    photos,
    shown,
    text,
    texts,
    type_into,
)
from tests.edgecnn.live.sink.web.conftest import serve
from tests.edgecnn.live.sink.web.fake_teach import FakeTeach

FIXES = ["in seven, looks like three (93 %)", "nearly the same photo twice"]


def test_the_report_says_how_good_it_is(page, taught, teach):
    open_tab(page, "report")
    until(lambda: text(page, "accuracy") == "94 %", "the accuracy")
    assert text(page, "interval").startswith("right, 87–98 % with 95 % confidence, on 48 photos")
    assert text(page, "advice") == "Most useful next: 10 photos of seven from further away."
    assert page.execute_script(
        "return ['polyline', 'circle', '.count'].map(e => document.querySelectorAll('#curve ' + e).length)"
    ) == [1, 4, 4]
    assert texts(page, "#confusion tr:nth-child(2) > *") == ["seven", "15", "1", "94 %"]
    click(page, "#record")
    until(lambda: shown(page, "#rows") and name_of(page) == "seven", "where to record it")
    assert errors(page) == []


def test_a_report_of_earlier_photos_says_so(page, taught, teach):
    open_tab(page, "report")
    until(lambda: text(page, "accuracy") == "94 %", "the accuracy")
    assert not shown(page, "#outdated")
    teach.busy = True
    until(lambda: shown(page, "#outdated"), "that it is of the photos before")
    teach.busy = False
    until(lambda: not shown(page, "#outdated"), "that it is measured again")


def test_no_label_of_the_curve_touches_another(page, taught):
    inside = page.execute_async_script(
        """const done = arguments[0];
        const points = [5, 10, 20, 40, 160].map((photos) => ({ photos, accuracy: 0.9, low: 0.8, high: 1 }));
        import("./teach/curve.js").then(({ curve }) => done(curve(points)));"""
    )
    assert inside.count("<circle") == 5
    assert re.findall(r'class="count"[^>]*>(\d+)<', inside) == ["160", "40", "20", "5"]


def test_a_confusion_opens_its_photos(page, taught, teach):
    open_tab(page, "report")
    until(lambda: texts(page, "#confusion button"), "the confusions")
    label = "return document.querySelector('#confusion .bad').ariaLabel"
    assert page.execute_script(label) == "1 of seven answered three"
    click(page, "#confusion .bad")
    until(lambda: name_of(page) == "seven that looks like three", "the title")
    until(lambda: len(photos(page)) == 1, "the photo")
    click(page, "#photos-more")
    until(lambda: len(photos(page)) == 8, "all of the class")


def test_what_looks_wrong_is_fixed_with_one_click(page, taught, teach):
    open_tab(page, "report")
    until(lambda: texts(page, "#wrong span") == FIXES, "the photos")
    click(page, "#wrong button")
    until(lambda: (teach.count("seven"), teach.count("three")) == (7, 7), "the move")
    until(lambda: texts(page, "#wrong span") == FIXES[1:], "that it is done")
    click(page, "#wrong button")
    until(lambda: teach.count("seven") == 6, "the removal")
    until(lambda: not shown(page, "#fixes"), "that nothing is left")


def test_before_there_is_a_report_it_says_so(page):
    with serve(pages=FakeTeach(seven=3)) as served:
        page.get(served.url)
        until(lambda: texts(page, "#rows li"), "the class")
        open_tab(page, "report")
        assert shown(page, "#unjudged")
        assert not shown(page, "#judged")
        assert errors(page) == []


def test_unsure_frames_are_labelled_many_at_a_time(page, taught, teach):
    for score in (0.4, 0.5, 0.6):
        teach.doubt("seven", score)
    until(lambda: text(page, "reviews") == "3", "how many there are")
    open_tab(page, "review")
    until(lambda: texts(page, "#review-grid span") == ["seven? 40 %", "seven? 50 %", "seven? 60 %"], "them")
    for at in (1, 2):
        click(page, f"#review-grid li:nth-child({at}) input")
    click(page, "#review-labels button:last-child")
    until(lambda: teach.count("three") == 8, "the photos")
    until(lambda: text(page, "message").startswith("2 frames are now three."), "that it says so")
    until(lambda: len(texts(page, "#review-grid li")) == 1, "the last one")
    click(page, "#message button")
    until(lambda: teach.count("three") == 6, "that the photos are removed again")
    until(lambda: text(page, "message").startswith("2 photos removed."), "that it says so")
    click(page, "#review-grid input")
    click(page, "#review-drop")
    until(lambda: not teach.unsure, "that it is dropped")
    until(lambda: not texts(page, "#review-grid li") and not text(page, "reviews"), "that it is done")


def test_versions_are_kept_compared_and_used(page, taught, teach):
    open_tab(page, "versions")
    assert texts(page, "#kept li") == []
    for name in ("first", "second"):
        type_into(page, "#version", name)
        click(page, "#keep-now")
        until(lambda n=name: texts(page, "#kept h3")[:1] == [f"{n} – current"], "the version")
    assert texts(page, "#kept h3") == ["second – current", "first"]
    facts = texts(page, "#kept p")[0]
    assert "94 % (87–98 %) right · 2 classes, 14 photos · 4.7 MB" in facts
    links = page.execute_script("return [...document.querySelectorAll('#kept a')].map(e => e.href)")
    assert [link.split("/")[-1] for link in links[-2:]] == [
        "bundle.zip?name=first",
        "model.tflite?name=first",
    ]
    click(page, "#kept li:last-child button:nth-of-type(2)")
    until(lambda: "second: 94.0 % right (88–98 %)" in text(page, "dialog"), "the comparison")
    assert "first: 90.0 % right" in text(page, "dialog")
    answer(page, "use")
    until(lambda: texts(page, "#kept h3") == ["second", "first – current"], "the way back")
    until(lambda: text(page, "message") == "This version is used now.", "that it says so")


def test_a_worse_version_is_asked_about(page, taught, teach):
    open_tab(page, "versions")
    click(page, "#keep-now")
    until(lambda: texts(page, "#kept h3") == ["v1 – current"], "the first version")
    teach.worse = True
    click(page, "#keep-now")
    until(lambda: "it answers 80 % right" in text(page, "dialog"), "why it asks")
    click(page, "dialog button:last-child")
    until(lambda: texts(page, "#kept h3") == ["v2", "v1 – current"], "that it is kept and not used")
    click(page, "#kept li button")
    answer(page, "evenSo")
    until(lambda: texts(page, "#kept h3") == ["v2 – current", "v1"], "that it is used")
    assert asked(teach, "versions/current") == [
        {"name": "v2", "even_if_worse": False},
        {"name": "v2", "even_if_worse": True},
    ]


def test_a_problem_is_said(page, taught, teach):
    teach.problem = "taught/seven: No space left on device"
    until(lambda: text(page, "problem") == teach.problem, "it")
    assert shown(page, "#problem")
