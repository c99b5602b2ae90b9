"""The rules that hold the house up: see docs/architecture.md."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "edgecnn"
TRAINER = ROOT / "train" / "edgecnn_train"


def rooms() -> list[str]:
    """The rooms in the order of the table in docs/architecture.md."""
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    table = text[text.index("## The rooms of the runtime") : text.index("## The rooms of the trainer")]
    return [
        m.removesuffix(".py").removesuffix("/") for m in re.findall(r"^\| `([\w./]+)`", table, re.MULTILINE)
    ]


def imports(path: Path) -> set[str]:
    """Every module that a file imports, inside functions and for types too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return found


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


FILES = sorted(PACKAGE.rglob("*.py"))


def test_every_room_is_in_the_table():
    there = {room_of(".".join(p.relative_to(ROOT).with_suffix("").parts)) for p in FILES}
    assert there - {"__init__", "__main__"} == set(rooms())


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_room_imports_only_rooms_above_it(path):
    order = rooms()
    here = room_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
    if here in ("__init__", "__main__"):
        return
    used = {room_of(m) for m in imports(path) if m.startswith("edgecnn.")} & set(order)
    assert not {room for room in used if order.index(room) > order.index(here)}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_the_runtime_never_imports_the_trainer(path):
    assert not any(m.split(".")[0] in ("edgecnn_train", "tensorflow", "keras") for m in imports(path))


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


# What may print, open a console or write JSON by itself, beside the rooms that are there for it.
PRINTS = {"edgecnn/printable.py", "edgecnn/json_text.py"}
TELLS_ANOTHER_PROCESS = {
    "edgecnn/cold_start.py", "edgecnn/engine/edgetpu.py", "edgecnn/image_worker.py",
}  # fmt: skip
WRITES_WHAT_IS_CLEAN = {"edgecnn/cli/output.py"}
KEEPS_FOR_ITSELF = {
    "edgecnn/cache.py", "edgecnn/loader.py", "edgecnn/output_lock.py", "train/edgecnn_train/checkpoint.py",
    "train/edgecnn_train/fit.py", "train/edgecnn_train/notes.py", "train/edgecnn_train/quantize/finetune.py",
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
def test_texts_of_others_are_printed_and_written_in_one_place(path):
    here = str(path.relative_to(ROOT))
    tree = ast.parse(path.read_text("utf-8"))
    called = {ast.unparse(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    # HTML has an `escape` of its own.
    used = (called & FORBIDDEN.keys()) - ({"escape"} if "rich.markup" not in imports(path) else set())
    if here in KEEPS_FOR_ITSELF | TELLS_ANOTHER_PROCESS:
        used -= {"json.dumps", "json.dump"}
    if here in TELLS_ANOTHER_PROCESS | WRITES_WHAT_IS_CLEAN:
        used -= {"sys.stdout.write"}
    if here in PRINTS:
        return
    assert not used, {call: f"use {FORBIDDEN[call]}" for call in used}
