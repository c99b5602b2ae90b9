"""The rules that hold the house up: see docs/architecture.md."""

import ast
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "edgecnn"
TRAINER = ROOT / "train" / "edgecnn_train"


def rooms() -> set[str]:
    """The rooms that the table in docs/architecture.md names."""
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    table = text[text.index("## The rooms of the runtime") : text.index("## From a frame to a label")]
    rows = re.findall(r"^\| (`\w+/`.*?) \|", table, re.MULTILINE)
    assert len(rows) == 18
    return {room for row in rows for room in re.findall(r"`(\w+)/`", row)}


def imports(path: Path) -> set[str]:
    """Every module that a file imports, inside functions and for types too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return found


FILES = sorted(PACKAGE.rglob("*.py"))
ROOMS = sorted(p for p in PACKAGE.iterdir() if (p / "__init__.py").exists())


def test_every_room_is_in_the_table():
    assert {room.name for room in ROOMS} == rooms()


def test_the_drawing_of_the_house_is_short():
    assert len((ROOT / "docs" / "architecture.md").read_text("utf-8").split()) < 1500


def test_few_files_lie_outside_the_rooms():
    assert len([p for p in PACKAGE.iterdir() if p.is_file()]) <= 10


@pytest.mark.parametrize("room", ROOMS, ids=lambda p: p.name)
def test_a_room_says_what_it_is_in_two_sentences_at_most(room):
    said = ast.get_docstring(ast.parse((room / "__init__.py").read_text("utf-8")))
    assert said
    assert 1 <= len(re.findall(r"\.(\s|$)", said.split("\n\n")[0])) <= 2


def test_layers_hold():
    """The contracts of import-linter in pyproject.toml, which `make lint` prints in full."""
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0


# Each says in its `__init__` what is for others.
PACKAGES = [*ROOMS, PACKAGE / "live" / "sink"]
USERS = [*FILES, *sorted(TRAINER.rglob("*.py")), *sorted((ROOT / "benchmarks").rglob("*.py"))]


def module_name(path: Path) -> str:
    """The dotted name of a package or module of the runtime."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


@cache
def used_names() -> dict[str, dict[str, set[str]]]:
    """For each package, the names in it that files outside of it use, with these files.

    `from edgecnn.io.cache import Cache` uses the name `cache` of `edgecnn.io`. Tables name modules in
    strings.
    """
    used: dict[str, dict[str, set[str]]] = {module_name(p): {} for p in PACKAGES}
    for path in USERS:
        tree = ast.parse(path.read_text("utf-8"))
        texts = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
        names = imports(path) | {text for text in texts if re.fullmatch(r"edgecnn(\.\w+)+", text)}
        for package, found in used.items():
            if path.is_relative_to(ROOT / package.replace(".", "/")):
                continue
            for name in names:
                if name.startswith(f"{package}."):
                    child = name.removeprefix(f"{package}.").partition(".")[0]
                    found.setdefault(child, set()).add(str(path.relative_to(ROOT)))
    return used


def listed_names(package: Path) -> list[str]:
    """The names in a package's `__all__`; none where it has none."""
    for node in ast.parse((package / "__init__.py").read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    return []


@pytest.mark.parametrize("package", PACKAGES, ids=module_name)
def test_a_package_lists_what_others_use_of_it(package):
    """`__all__` has the modules and names that other packages import, and nothing else."""
    listed, used = listed_names(package), used_names()[module_name(package)]
    missing = {name: sorted(files) for name, files in used.items() if name not in listed}
    unused = [name for name in listed if name not in used]
    advice = [
        f"add {name!r} to __all__, or import something else in {', '.join(missing[name])}" for name in missing
    ]
    advice += [f"remove {name!r} from __all__: nothing outside uses it" for name in unused]
    assert not advice, f"{package.relative_to(ROOT)}/__init__.py: {'; '.join(advice)}"


def test_errors_are_drawn_in_their_own_docstring():
    from edgecnn import errors

    classes = {
        n for n, c in vars(errors).items() if isinstance(c, type) and issubclass(c, errors.EdgeCnnError)
    }
    assert set(re.findall(r"[─ ] (\w+) +\(", errors.__doc__)) | {"EdgeCnnError"} == classes
    for name in classes - {"EdgeCnnError"}:
        assert any(not issubclass(base, errors.EdgeCnnError) and base is not object
                   for base in getattr(errors, name).__mro__), name  # fmt: skip


@pytest.mark.parametrize("path", [*FILES, *sorted(TRAINER.rglob("*.py"))], ids=lambda p: p.name)
def test_files_stay_small(path):
    assert len(path.read_text("utf-8").splitlines()) <= 350


def test_a_class_name_is_used_once():
    places = defaultdict(list)
    for path in [*FILES, *TRAINER.rglob("*.py")]:
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef):
                places[node.name].append(str(path.relative_to(ROOT)))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


# As many lines, in two places, are one thing that is written twice.
SAME_LINES = 10
# An option of a command is declared once; commands only name it.
NAMED_OPTION = re.compile(r"\w+: \w+Option = .*,")


def code_lines(path: Path) -> list[tuple[int, str]]:
    """The lines of a file with their numbers: no blank ones, comments, imports or named options."""
    text = path.read_text("utf-8")
    skipped: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            skipped |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines = (
        (number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if number not in skipped
    )
    return [
        (number, line) for number, line in lines
        if line and not line.startswith("#") and not NAMED_OPTION.fullmatch(line)
    ]  # fmt: skip


def repeated_places(folders: list[Path]) -> list[str]:
    """Pairs of places that share `SAME_LINES` or more lines in a row, as `a.py:10 and b.py:40`."""
    places: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for path in sorted(p for folder in folders for p in folder.rglob("*.py")):
        lines = code_lines(path)
        for k in range(len(lines) - SAME_LINES + 1):
            window = tuple(line for _, line in lines[k : k + SAME_LINES])
            places[window].append(f"{path.relative_to(ROOT)}:{lines[k][0]}")
    return [" and ".join(found) for found in places.values() if len(found) > 1]


@pytest.mark.parametrize(
    "folders", [[PACKAGE, TRAINER], [ROOT / "benchmarks"]], ids=["packages", "benchmarks"]
)
def test_nothing_is_written_twice(folders):
    assert repeated_places(folders) == []


def test_what_is_written_twice_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.test_house.ROOT", tmp_path)
    body = "\n".join(f"    x{k} = {k}" for k in range(SAME_LINES - 1))
    for name in "ab":
        (tmp_path / f"{name}.py").write_text(
            f"import {name}\n\n\ndef f():\n{body}\n    # {name}\n    return x0\n"
        )
    assert repeated_places([tmp_path]) == ["a.py:4 and b.py:4", "a.py:5 and b.py:5"]


# What may print, open a console or write JSON itself, in addition to the modules that are made for it.
PRINTS = {"edgecnn/io/printable.py", "edgecnn/io/json_text.py"}
TELLS_ANOTHER_PROCESS = {
    "edgecnn/bench/cold_start.py", "edgecnn/engine/edgetpu.py", "edgecnn/image/worker.py",
}  # fmt: skip
WRITES_WHAT_IS_CLEAN = {"edgecnn/io/output.py"}
WRITES_OWN_STATE = {
    "edgecnn/io/cache.py", "edgecnn/classify/loader.py", "edgecnn/io/lock.py",
    "train/edgecnn_train/checkpoint.py", "train/edgecnn_train/fit.py",
    "train/edgecnn_train/notes.py", "train/edgecnn_train/quantize/finetune.py",
}  # fmt: skip
FORBIDDEN = {
    "print": "printable.echo", "Console": "printable.open_console", "typer.echo": "printable.echo",
    "typer.secho": "printable.echo", "sys.stdout.write": "printable.echo", "sys.stderr.write": "quiet.say",
    "json.dumps": "json_text.to_json", "json.dump": "json_text.to_json", "dumps": "json_text.to_json",
    "escape": "printable.open_console, which takes no markup",
}  # fmt: skip


@pytest.mark.parametrize(
    "path", [*FILES, *sorted(TRAINER.rglob("*.py"))], ids=lambda p: str(p.relative_to(ROOT))
)
def test_untrusted_texts_are_printed_and_written_in_one_place(path):
    here = str(path.relative_to(ROOT))
    tree = ast.parse(path.read_text("utf-8"))
    called = {ast.unparse(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    # HTML has an `escape` of its own.
    used = (called & FORBIDDEN.keys()) - ({"escape"} if "rich.markup" not in imports(path) else set())
    if here in WRITES_OWN_STATE | TELLS_ANOTHER_PROCESS:
        used -= {"json.dumps", "json.dump"}
    if here in TELLS_ANOTHER_PROCESS | WRITES_WHAT_IS_CLEAN:
        used -= {"sys.stdout.write"}
    if here in PRINTS:
        return
    assert not used, {call: f"use {FORBIDDEN[call]}" for call in used}
