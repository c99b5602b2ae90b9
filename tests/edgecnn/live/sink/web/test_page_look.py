"""How the page looks and reads: contrast, names, sizes; live and taught, light and dark."""

import json
import time

import pytest

from tests.conftest import until
from tests.edgecnn.live.sink.web.browser import DESKTOP, PHONE, click, open_tab, shown, text, type_into, view
from tests.edgecnn.live.sink.web.conftest import serve
from tests.edgecnn.live.sink.web.fake_teach import FakeTeach

TABS = ("teach", "report", "review", "versions", "settings")

# The contrast of each visible text with what it stands on (WCAG 2.1, 1.4.3), of which those below the limit
# are returned. Text on the camera's image stands on a background of its own that lets some of the image
# through: both white and black behind it count.
CONTRAST = """
const channels = (css) => {
  const [r, g, b, a = 1] = css.match(/[\\d.]+/g).map(Number);
  return css.startsWith("color(") ? [255 * r, 255 * g, 255 * b, a] : [r, g, b, a];
};
const over = ([r, g, b, a], below) => [r, g, b].map((value, i) => a * value + (1 - a) * below[i]);
const luminance = (rgb) => {
  const [r, g, b] = rgb.map((v) => (v / 255 <= 0.04045 ? v / 3294.6 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (one, other) => {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
};
const ground = (element, behind) => {
  const layers = [];
  for (let at = element; at; at = at.parentElement) {
    if (at.id === "view") return layers.reduceRight((below, layer) => over(layer, below), behind);
    layers.push(channels(getComputedStyle(at).backgroundColor));
  }
  return layers.reduceRight((below, layer) => over(layer, below), [255, 255, 255]);
};
const bad = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  if (!walker.currentNode.textContent.trim() || !element.checkVisibility({ opacityProperty: true })) continue;
  const style = getComputedStyle(element);
  const size = parseFloat(style.fontSize);
  const isLarge = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
  const color = channels(element.closest("svg") ? style.fill : style.color);
  for (const behind of [[255, 255, 255], [0, 0, 0]]) {
    const below = ground(element, behind);
    const found = contrast(over(color, below), below);
    if (found < (isLarge ? 3 : 4.5)) bad.push(`${element.id || element.className || element.tagName}: `
      + `${walker.currentNode.textContent.trim().slice(0, 20)} ${found.toFixed(2)}`);
  }
}
return [...new Set(bad)];
"""

# Whatever takes the focus, and has no name for a screen reader.
NAMELESS = """
return [...document.querySelectorAll("button, a, input, select, [role=img], [role=group], nav")]
  .filter((e) => e.checkVisibility())
  .filter((e) => !(e.ariaLabel || e.textContent.trim() || e.labels?.[0]?.textContent.trim() || e.value
    || e.querySelector("img")?.alt))
  .map((e) => e.outerHTML);
"""


@pytest.fixture
def teach():
    fake = FakeTeach(seven=8, three=6)
    fake.photos[next(iter(fake.photos))]["looks_like"] = "three"
    fake.doubt("seven", 0.4)
    fake._keep_version("first", True)
    fake._keep_version("second", True)
    return fake


@pytest.fixture(params=["light", "dark"])
def scheme(page, request):
    yield request.param
    view(page)


def check(page, where: str) -> None:
    assert page.execute_script(CONTRAST) == [], where
    assert page.execute_script(NAMELESS) == [], where
    wide = page.execute_script("return document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, f"{where}: nothing sticks out to the side"
    small = page.execute_script(
        "return [...document.querySelectorAll('button, .button, select, input:not([type=checkbox])')]"
        ".filter(e => e.checkVisibility() && e.offsetHeight < 35 && e.offsetHeight > 1).map(e => e.outerHTML)"
    )
    assert small == [], f"{where}: a finger hits each control"


@pytest.mark.parametrize("size", [PHONE, DESKTOP])
def test_the_live_view_is_readable(page, served, scheme, size):
    view(page, size, scheme)
    page.get(served.url)
    until(lambda: text(page, "label") != "…", "a label")
    check(page, "live")
    click(page, "dt span")
    assert text(page, "explained")
    served.ask("/api/v1/settings", "POST", json.dumps({"threshold": 1}))
    until(lambda: text(page, "label") == "unknown", "unknown")
    served.ask("/api/v1/pause", "POST", "on")
    until(lambda: text(page, "notice") == "paused", "the pause")
    check(page, "unknown and paused")
    height = page.execute_script("return parseFloat(getComputedStyle(document.querySelector('h1')).fontSize)")
    # A letter of 1/200 of the distance is read without effort: 15 mm at three metres, 44 CSS pixels of 1/96".
    assert height >= 44, "readable from three metres"


@pytest.mark.parametrize("size", [PHONE, DESKTOP])
def test_the_tools_of_teaching_are_readable(page, teach, scheme, size):
    view(page, size, scheme)
    with serve(pages=teach) as served:
        page.get(served.url)
        until(lambda: shown(page, "#rows") and shown(page, "#tabs"), "the tabs")
        for tab in TABS:
            click(page, f"#tabs [data-key={tab}]")
            until(lambda t=tab: shown(page, f"#rest > [data-tab={t}]"), tab)
            time.sleep(1.2)  # until what it asks for is there
            check(page, tab)
        click(page, "#tabs [data-key=teach]")
        click(page, "#photos-grid input")
        click(page, "#really button")
        until(lambda: text(page, "message"), "a message")
        click(page, "#rows .record")
        until(lambda: text(page, "recorded"), "a recording")
        click(page, "#rows li button:nth-of-type(2)")
        check(page, "all at the same time")


def test_the_tools_are_at_the_thumb(page, teach):
    view(page)
    with serve(pages=teach) as served:
        page.get(served.url)
        until(lambda: shown(page, "#rows") and shown(page, "#tabs"), "the tabs")
        page.execute_script("scrollTo(0, 300)")
        tabs, image = page.execute_script(
            "return ['tabs', 'view'].map(id => document.getElementById(id).getBoundingClientRect().toJSON())"
        )
        assert tabs["bottom"] == pytest.approx(PHONE[1], abs=1)
        assert image["top"] == pytest.approx(0, abs=1), "the image stays in view"


def box(page, selector: str) -> dict:
    script = "return document.querySelector(arguments[0]).getBoundingClientRect().toJSON()"
    return page.execute_script(script, selector)


def test_classes_end_above_the_tabs(page):
    view(page, (390, 844))
    with serve(pages=FakeTeach(cup=8, ball=6, book=6, leaf=6)) as served:
        page.get(served.url)
        until(lambda: shown(page, "#rows li:nth-child(4)"), "the classes")
        until(lambda: shown(page, "#correct"), "all of the answer")
        assert box(page, "#rows li:nth-child(4)")["bottom"] <= box(page, "#tabs")["top"]
        type_into(page, "#new", "leek")
        click(page, "#add button")
        until(lambda: shown(page, "#rows li:nth-child(5)"), "one more")
        until(
            lambda: box(page, "#rows li:nth-child(5)")["bottom"] <= box(page, "#tabs")["top"], "it is in view"
        )
    view(page)


@pytest.mark.parametrize("size", [PHONE, DESKTOP])
@pytest.mark.parametrize("grid", ["photos", "review"])
def test_the_actions_do_not_cover_the_photo_that_was_ticked(page, size, grid):
    fake = FakeTeach(seven=60, three=6)
    for _ in range(60):
        fake.doubt("seven", 0.4)
    view(page, size)
    with serve(pages=fake) as served:
        page.get(served.url)
        until(lambda: shown(page, "#rows") and shown(page, "#tabs"), "the tabs")
        open_tab(page, "review" if grid == "review" else "teach")
        until(lambda: shown(page, f"#{grid}-grid li:nth-child(60)"), "the photos")
        for far in (0, 500, 900):
            uncovered = page.execute_script(
                """const [name, far] = arguments;
                scrollTo(0, far);
                const now = document.getElementById("now").getBoundingClientRect();
                const low = innerWidth < 600 ? now.bottom : 0;
                const photos = [...document.querySelectorAll(`#${name}-grid li`)];
                const photo = photos.find((e) => e.getBoundingClientRect().top >= low);
                photo.querySelector("input").click();
                const { left, top, right, bottom } = photo.getBoundingClientRect();
                const at = (x, y) => photo.contains(document.elementFromPoint(x, y));
                const found = at(left + 3, top + 3) && at(right - 3, bottom - 3);
                photo.querySelector("input").click();
                return found;""",
                grid,
                far,
            )
            assert uncovered, far
    view(page)


def test_the_focus_is_visible_and_reaches_everything(page, served):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    page.get(served.url)
    until(lambda: page.execute_script("return document.querySelectorAll('#variants button').length"), "it")
    body, reached = page.find_element(By.TAG_NAME, "body"), set()
    for _ in range(12):
        body.send_keys(Keys.TAB)
        name, outline = page.execute_script(
            "const e = document.activeElement;"
            "const seen = e.matches('.unseen') ? e.nextElementSibling : e;"
            "return [e.id || e.textContent, getComputedStyle(seen).outlineWidth]"
        )
        if name:
            reached.add(name)
            assert outline == "3px" or name.startswith("set-") or "edgecnn" in name, name
    assert {"pause", "snapshot", "full", "upload", "set-threshold", "set-smooth", "set-hold"} <= reached
