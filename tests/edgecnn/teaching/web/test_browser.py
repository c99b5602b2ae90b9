"""Three things are taught through the page in a real browser, on a desktop and on a phone.

The camera shows things on a table; which one, a file says, as a person's hand would. The model that learns is
the real one, so nothing here is quick.
"""

import json
import re
import shutil
import subprocess
import sys
import time
import urllib.request

import pytest

from tests.conftest import until

selenium = pytest.importorskip("selenium")
BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (BROWSER and DRIVER), reason="needs a browser: apt install chromium chromium-driver"
    ),
]
THINGS = ("cup", "ball", "book")
HOLD_S = 3.0


class Desk:
    """A running `edgecnn teach`, a browser on its page, and a hand that changes the thing on the table."""

    def __init__(self, folder, browser):
        self.folder, self.browser = folder, browser
        self.hand = folder / "thing.txt"
        self.show("nothing")
        self.start()

    def start(self):
        source = f"synthetic:scene=things,show={self.hand},seed=3,hold=45"
        command = [sys.executable, "-m", "edgecnn", "teach", "taught", "--source", source, "--port", "0"]
        command += ["--trunk", "efficientnet_lite0_128"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=self.folder)
        for line in self.process.stdout:
            if found := re.search(r"http://\S+", line):
                self.url = found[0]
                break
        self.browser.get(self.url)
        until(lambda: self.text("label") not in ("", "…"), "a first answer")
        until(lambda: not self.script("return document.getElementById('tabs').hidden"), "the tabs")

    def stop(self):
        self.process.terminate()
        self.process.communicate(timeout=30)

    def show(self, thing: str):
        self.hand.write_text(thing)
        time.sleep(0.5)

    def script(self, text: str, *values):
        return self.browser.execute_script(text, *values)

    def text(self, name: str) -> str:
        return self.script("return document.getElementById(arguments[0]).textContent", name)

    def click(self, selector: str):
        element = self.browser.find_element("css selector", selector)
        self.bring(element)
        element.click()
        return element

    def bring(self, element):
        """Scroll to an element as a thumb does: between the answer above and the tabs below, on a phone."""
        self.script("arguments[0].scrollIntoView({block: 'end'}); scrollBy(0, 90)", element)

    def state(self) -> dict:
        with urllib.request.urlopen(f"{self.url}api/v1/teach/state") as answer:
            return json.load(answer)

    def photos(self) -> dict:
        return {entry["label"]: entry["photos"] for entry in self.state()["classes"]}

    def name(self, label: str):
        self.click("#tabs [data-key=teach]")
        self.click("#new").send_keys(label)
        self.click("#add button")
        until(lambda: label in self.photos(), f"the class {label}")

    def hold(self, label: str, seconds: float = HOLD_S):
        """Hold the button of a class, as a thumb does."""
        from selenium.webdriver import ActionChains

        self.click("#tabs [data-key=teach]")
        button = self.browser.find_element("css selector", f"[data-record={label}]")
        self.bring(button)
        ActionChains(self.browser).click_and_hold(button).pause(seconds).release().perform()

    def answers(self, thing: str, count: int = 40) -> float:
        """The share of answers on the page that are right while a thing is shown."""
        self.show(thing)
        time.sleep(1.0)  # the smoothed answer follows
        seen = []
        for _ in range(count):
            seen.append(self.text("label"))
            time.sleep(0.08)
        return seen.count(thing) / len(seen)


@pytest.fixture(params=[(1280, 800), (412, 915)], ids=["desktop", "phone"])
def desk(request, tmp_path):
    from selenium import webdriver

    width, height = request.param
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        f"--window-size={width},{height}", f"--user-data-dir={tmp_path / 'chromium'}",
    ):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    desk = Desk(tmp_path, browser)
    yield desk
    desk.stop()
    browser.quit()


def test_three_things_are_taught_corrected_kept_and_gone_back_to(desk):
    started = time.monotonic()
    for thing in THINGS:
        desk.name(thing)
    for _ in range(2):
        for thing in THINGS:
            desk.show(thing)
            desk.hold(thing)
    taught_s = time.monotonic() - started
    assert all(count >= 12 for count in desk.photos().values()), desk.photos()
    until(lambda: desk.state()["judged"] and not desk.state()["busy"], "a measurement")
    shares = {thing: desk.answers(thing) for thing in THINGS}
    assert sum(shares.values()) / len(shares) >= 0.95, shares
    assert taught_s < 180

    # How good: the page shows what was measured.
    desk.click("#tabs [data-key=report]")
    until(lambda: "%" in desk.text("accuracy"), "the accuracy")
    # Keep a version.
    desk.click("#tabs [data-key=versions]")
    desk.click("#version").send_keys("three things")
    desk.click("#keep-now")
    until(lambda: [v["name"] for v in desk.state()["kept"]] == ["three things"], "a version", 60)

    # Another thing is corrected to a class of its own, from the frame that is shown.
    desk.name("leaf")
    desk.show("leaf")
    before = desk.photos()["leaf"]
    button = "//div[@id='really']/button[text()='leaf']"
    until(lambda: desk.browser.find_elements("xpath", button), "the class to choose")
    element = desk.browser.find_element("xpath", button)
    desk.script("arguments[0].click()", element)
    until(lambda: desk.photos()["leaf"] == before + 1, "the corrected frame")
    for _ in range(2):  # as often as the other things
        desk.hold("leaf")
    assert desk.photos()["leaf"] >= 12
    until(lambda: not desk.state()["busy"], "everything learned")
    until(lambda: desk.answers("leaf") >= 0.8, "the new thing, recognized on the page", 60)
    desk.click("#tabs [data-key=versions]")
    desk.click("#version").send_keys("four things")
    desk.click("#keep-now")
    until(lambda: len(desk.state()["kept"]) == 2, "the second version", 60)

    # Everything is there after a restart.
    counted = desk.photos()
    desk.stop()
    desk.start()
    assert desk.photos() == counted
    until(lambda: desk.state()["knows"] == "head", "what was learned")
    desk.click("#tabs [data-key=versions]")
    use = "//li[h3[text()='three things']]//button[text()='Use this']"
    until(lambda: desk.browser.find_elements("xpath", use), "the list of versions")
    element = desk.browser.find_element("xpath", use)
    desk.bring(element)
    element.click()
    until(
        lambda: [v["name"] for v in desk.state()["kept"] if v["current"]] == ["three things"], "the old one"
    )
    severe = [e["message"] for e in desk.browser.get_log("browser") if e["level"] == "SEVERE"]
    assert not [line for line in severe if "ERR_" not in line], severe
