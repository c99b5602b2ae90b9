"""The page's own files: small, from nowhere else, in one language file, without what the guard forbids."""

import json
import re
import shutil
import subprocess

import pytest

from edgecnn.live.sink.web.guard import static_files, static_paths
from tests.conftest import ROOT

STATIC = ROOT / "edgecnn/live/sink/web/static"
SERVED = sorted([*STATIC.glob("**/*.js"), *STATIC.glob("**/*.css"), *STATIC.glob("*.html")])
TEXT = STATIC / "text.en.js"
COMMENT = re.compile(r"(?m)/\*[^/](?:.|\n)*?\*/|^\s*//.*$")
CHECKER = ROOT / "build/page/node_modules/.bin"


def scripts() -> str:
    return "".join(path.read_text() for path in STATIC.glob("**/*.js") if path != TEXT)


def texts() -> dict[str, str]:
    body = re.sub(r"(?m)^\s*//.*$", "", TEXT.read_text().partition("=")[2])
    body = re.sub(r"(?m)^\s*(\w+):", r'"\1":', body)
    return json.loads(re.sub(r",\s*};?\s*$", "}", body))


def test_every_file_but_the_guards_is_served():
    assert static_files() is not None
    served = {path for path in static_paths() if path != "/"}
    assert served == {f"/{path.relative_to(STATIC)}" for path in SERVED if path.suffix != ".html"}


def test_the_page_is_small():
    """The code, without comments, types and indentation; with them it is served as it is here."""
    code = [COMMENT.sub("", path.read_text()) for path in SERVED if path.name != "token.html"]
    lines = [line.strip() for each in code for line in each.splitlines()]
    assert sum(len(line.encode()) + 1 for line in lines if line) < 60_000
    assert sum(path.stat().st_size for path in SERVED) < 75_000


@pytest.mark.parametrize("path", SERVED, ids=lambda path: path.name)
def test_files_are_small_and_have_nothing_from_elsewhere(path):
    content = path.read_text()
    assert "http://" not in content
    assert "https://" not in content
    assert len(content.splitlines()) <= 250


def test_the_guard_forbids_nothing_that_the_page_has():
    page = (STATIC / "index.html").read_text()
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script>", page)
    assert not re.search(r"\beval\(|new Function|setAttribute\(\"style|document\.write", scripts())


def test_the_page_has_no_text_of_its_own():
    """Every sentence is in the language file, and every sentence there is used."""
    page = re.sub(r"<title>.*?</title>", "", (STATIC / "index.html").read_text())
    assert re.sub(r"<[^>]*>", "", page).split() == ["…"]
    named = set(re.findall(r'data-(?:say|aria)="(\w+)"', page))
    known = texts()
    assert named <= set(known)
    used = named | set(re.findall(r'"(\w+)"', scripts()))
    hints = {key.removesuffix("Hint") for key in known if key.endswith("Hint")}
    server = {"int8", "uint8", "float32", "preprocess", "inference", "decode", "total", "age"}
    assert hints <= used | server
    assert {key for key in known if not key.endswith("Hint")} <= used


def test_the_texts_of_the_form_for_the_token_are_listed():
    page = re.sub(r"</?code>", "", (STATIC / "token.html").read_text())
    own = [words.strip() for words in re.findall(r">([^<>]+)<", page) if words.strip()]
    listed = re.findall(r"(?m)^\s*//   (.+)$", TEXT.read_text())
    assert own == listed


def test_plural_forms_come_in_two():
    for key, words in texts().items():
        assert words.count("|") <= 1, key
        assert ("|" in words) <= ("{n}" in words), key


@pytest.mark.skipif(not CHECKER.exists() or not shutil.which("node"), reason="`make lint-page` brings them")
@pytest.mark.parametrize(
    "command",
    [["tsc", "-p", ".page"], ["biome", "check", "--config-path=.page", str(STATIC)]],
    ids=["types", "style"],
)
def test_types_and_style(command):
    ran = subprocess.run([CHECKER / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
