"""No page can rot: the commands, options and settings that it shows exist, its links lead somewhere."""

import re
import shlex
from pathlib import Path

import pytest

from edgecnn_train.recipe_file import read_recipe, shipped_recipes

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS = [
    pytest.param(found[1], id=f"{page.name}: {found[1][:60]}")
    for page in PAGES
    for block in re.findall(r"```sh\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    for line in block.replace("\\\n", " ").splitlines()
    # Behind a pipe, `sudo` or a variable too.
    if (found := re.match(r"(?:[^#\n]*\| |sudo |\w+=\S+ )*(edgecnn .+)", line))
]
# Those that have commands of their own.
GROUPS = ("models", "data")


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_options_and_settings_exist(run_cli, line):
    words = shlex.split(line, comments=True)[1:]
    group = words[0] in GROUPS
    shown = run_cli(*words[: 2 if group else 1], "--help")
    assert shown.code == 0
    for option in (w.partition("=")[0] for w in words if w.startswith("--")):
        assert f"{option} " in shown.out, option
    settings = [words[k + 1] for k, w in enumerate(words) if w == "--set"]
    if settings:
        recipe = words[2 if group else 1]
        read_recipe(recipe if recipe in shipped_recipes() else "photos", settings)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    text = page.read_text("utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        file, _, heading = target.partition("#")
        if target.startswith("http"):
            continue
        there = page.parent / file if file else page
        assert there.exists(), target
        if heading:
            assert heading in headings(there.read_text("utf-8")), target


def headings(text):
    """The names that GitHub gives the headings of a page."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
