"""How the command starts: quickly, and without what it does not need."""

import subprocess
import sys

import pytest

from edgecnn.cli import COMMANDS

HEAVY = (
    "numpy", "cv2", "ai_edge_litert", "tensorflow", "keras", "pydantic", "matplotlib",
    "starlette", "uvicorn", "prometheus_client",
)  # fmt: skip


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    return done.stdout


def loaded_by(*arguments: str) -> set[str]:
    """The heavy modules that a command has loaded when it ends."""
    code = f"""
import sys
sys.argv = ["edgecnn", *{list(arguments)!r}]
from edgecnn.cli import main
try:
    main()
except SystemExit:
    pass
print("LOADED", *[m for m in {HEAVY!r} if m in sys.modules])
"""
    return set(python(code).rsplit("LOADED", 1)[1].split())


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        *[(c,) for c in COMMANDS],
        ("models", "list"),
        ("models", "verify"),
        ("data", "check"),
        ("data", "preview"),
    ],
)
def test_help_loads_nothing_heavy(arguments):
    assert loaded_by(*arguments, "--help") == set()


def test_import_edgecnn_loads_nothing_heavy():
    assert python(f"import sys, edgecnn; print([m for m in {HEAVY!r} if m in sys.modules])").strip() == "[]"


def test_a_live_run_never_loads_tensorflow():
    loaded = loaded_by("live", "--source", "synthetic:fps=0", "--frames", "20", "--show", "terminal")
    assert loaded == {"numpy", "cv2", "ai_edge_litert"}


def test_every_command_is_in_the_help(run_cli):
    shown = run_cli("--help")
    assert shown.code == 0
    for name, entry in COMMANDS.items():
        assert name in shown.out
        assert entry.help in shown.out


def test_the_module_is_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "edgecnn", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("edgecnn 0.")


@pytest.mark.parametrize(
    "arguments",
    [
        ("nope",),
        ("live", "--frames", "0"),
        ("live", "--show", "cinema"),
        ("classify",),
        ("bench", "--threads", "0"),
        ("bench", "--threads", "1;2"),
        ("classify", "x", "--engine", "tpu"),
        ("live", "--nope"),
        ("classify", "x", "--range", "1..0"),
        ("live", "--source", "synthetic:speed=1"),
    ],
)
def test_wrong_usage_is_exit_code_2(run_cli, arguments):
    ran = run_cli(*arguments)
    assert ran.code == 2
    assert "Traceback" not in ran.err
    assert ran.err
