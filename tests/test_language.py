"""One word for each thing: phrases that the sources and documents use other words for.

Single words are in .codespell/words.txt, which `make lint` checks; here they are checked in names of tests.
"""

import io
import re
import tokenize
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# The texts that are checked.
CHECKED = ["benchmarks", "docs", "edgecnn", "examples", "tests", "train/edgecnn_train"]
PAGES = [ROOT / "README.md", ROOT / "examples/README.md", *sorted((ROOT / "docs").glob("*.md"))]
# What is not written, and what is written instead.
PHRASES = {
    r"(hold|holds|held|holding) (\S+ ){0,3}against": "compare with",
    r"of what": "name the thing",
    r"its share": "stratified by class",
    r"of (every|each) class,? its": "stratified by class",
    r"go(es)? on": "continue, keep running",
    r"(by|for) (it|them)sel(f|ves)": "on its own, separately",
    r"(is|are) not there": "is missing, does not exist",
    r"says? of (it|them)sel(f|ves)": "reports, declares",
    r"(leave|leaves|left) off": "stop, end",
    r"take[ns]? over": "replaces, resumes",
    r"the other of": "the other one",
    r"data sets?": "dataset",
    r"of others": "untrusted, third-party",
    r"what is left": "remaining",
    r"once more": "again",
    r"(turn|turns|turned|send|sends|sent) away": "refuse",
    r"at once": "immediately, in one step, at the same time",
    r"beside one another": "side by side",  # codespell:ignore beside
    r"tells? (how|what|whether|where|who)": "reports, shows",
    r"nobody else": "no other process",  # codespell:ignore nobody
}
WORDS = [line.partition("->")[0] for line in (ROOT / ".codespell/words.txt").read_text("utf-8").splitlines()]


def any_of(expressions: Iterable[str]) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(f'(?:{one})' for one in expressions)})\b", re.IGNORECASE)


PATTERN, IN_NAMES = any_of(PHRASES), any_of([*PHRASES, *WORDS])


def found_in(text: str) -> str | None:
    """The first unwanted phrase in a text, whose line breaks do not count."""
    phrase = PATTERN.search(" ".join(text.replace("#", " ").split()))
    return phrase and phrase[0]


def texts(path: Path) -> list[tuple[int, str]]:
    """The comments and strings of a Python file with their lines; comments in a row are one text."""
    found: list[tuple[int, str]] = []
    comments: list[tuple[int, str]] = []
    for token in tokenize.generate_tokens(io.StringIO(path.read_text("utf-8")).readline):
        if token.type == tokenize.COMMENT:
            comments.append((token.start[0], token.string))
        elif token.type == tokenize.STRING:
            found.append((token.start[0], token.string))
    for number, comment in comments:
        if found and found[-1][1].startswith("#") and found[-1][0] + found[-1][1].count("\n") + 1 == number:
            found[-1] = found[-1][0], f"{found[-1][1]}\n{comment}"
        else:
            found.append((number, comment))
    return found


@pytest.mark.parametrize("folder", CHECKED)
def test_texts_have_no_unwanted_phrases(folder):
    found = [
        f"{path.relative_to(ROOT)}:{number}: {phrase!r}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        if path != Path(__file__)
        for number, text in texts(path)
        if (phrase := found_in(text))
    ]
    assert not found, f"{found}; write instead: {PHRASES}"


def test_names_of_tests_have_no_unwanted_words():
    found = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for name in re.findall(r"def (test_\w+)", path.read_text("utf-8"))
        if IN_NAMES.search(name.replace("_", " "))
    ]
    assert not found, f"{found}; write instead: {PHRASES}, and .codespell/words.txt"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_have_no_unwanted_phrases(page):
    found = [phrase for part in page.read_text("utf-8").split("\n\n") if (phrase := found_in(part))]
    assert not found, f"{found}; write instead: {PHRASES}"


def test_a_phrase_is_found_over_lines_and_in_capitals(tmp_path):
    path = tmp_path / "a.py"
    path.write_text('"""Held\n\n    against it."""\nx = 1  # what is\n# left\ny = "go on"\nz = "continue"\n')
    assert [(number, found_in(text)) for number, text in texts(path) if found_in(text)] == [
        (1, "Held against"), (6, "go on"), (4, "what is left"),
    ]  # fmt: skip
