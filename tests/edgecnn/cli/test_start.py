"""How the command starts: quickly, and without what it does not need."""

import subprocess
import sys

import pytest

from edgecnn.cli.root import COMMANDS

HEAVY = (
    "numpy", "cv2", "ai_edge_litert", "tensorflow", "keras", "pydantic", "matplotlib",
    "starlette", "uvicorn", "prometheus_client",
)  # fmt: skip


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    return done.stdout


def loaded_by(*arguments: str, of: tuple[str, ...] = HEAVY) -> set[str]:
    """The modules of these that a command has loaded when it ends."""
    code = f"""
import sys
sys.argv = ["edgecnn", *{list(arguments)!r}]
from edgecnn.cli import main
try:
    main()
except SystemExit:
    pass
print("LOADED", *[m for m in {of!r} if m in sys.modules])
"""
    return set(python(code).rsplit("LOADED", 1)[1].split())


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        *[(c,) for c in COMMANDS],
        *[("models", c) for c in ("list", "show", "verify", "compare", "import", "export")],
        ("data", "check"),
        ("data", "preview"),
    ],
)
def test_help_loads_nothing_heavy(arguments):
    assert loaded_by(*arguments, "--help", of=(*HEAVY, "rich")) == set()


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
    ran.fails(code=2)


def test_wrong_usage_says_where_the_help_is_and_repeats_no_escape(run_cli):
    ran = run_cli("classify", "x", "--top", "\x1b[2J" + "9" * 5000)
    ran.fails("Invalid value for '--top'", "; see `edgecnn classify --help`", code=2)
    assert "\x1b" not in ran.err
    assert len(ran.err) < 700


def test_a_defect_is_one_line_with_its_place(run_cli, monkeypatch):
    def broken():
        raise KeyError("\x1b[2J")

    monkeypatch.setattr("edgecnn.doctor.examine", broken)
    ran = run_cli("doctor")
    ran.fails("a defect of edgecnn, please report it: KeyError in line", "test_start.py", code=70)
    assert "\x1b" not in ran.err


def test_warnings_and_threads_that_fail_are_one_line_each():
    code = """
import sys, threading, warnings
sys.argv = ["edgecnn", "--version"]
from edgecnn.__main__ import main
try:
    main()
except SystemExit:
    pass
warnings.warn("\x1b[2J of a library")
thread = threading.Thread(target=lambda: [][1])
thread.start()
thread.join()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    first, second = done.stderr.splitlines()
    assert first == "edgecnn: warning: ␛[2J of a library"
    assert second.startswith("edgecnn: a defect of edgecnn, please report it: IndexError in line")


@pytest.mark.parametrize(("typed", "code"), [("--version", 0), ("--nonsense", 2), ("inspect no.tflite", 1)])
def test_the_process_ends_when_all_threads_and_handlers_have(typed, code):
    script = """
import atexit, sys, threading, time
from edgecnn.__main__ import main

def finish():
    time.sleep(0.2)
    atexit.register(print, "handler", end="")
    sys.stdout.write("thread ")

threading.Thread(target=finish).start()
main()
"""
    command = [sys.executable, "-c", script, *typed.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == code
    assert done.stdout.endswith("thread handler")


def test_an_unexpected_error_ends_as_python_does():
    script = "import edgecnn.cli; edgecnn.cli.main = lambda: 1 / 0; from edgecnn.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr


def test_ctrl_c_while_it_starts_ends_it_without_a_traceback(tmp_path):
    (tmp_path / "typer.py").write_text("raise KeyboardInterrupt")
    script = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from edgecnn.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_an_error_about_a_file_is_one_line(run_cli, monkeypatch):
    def broken():
        raise PermissionError(13, "Permission denied", "/some/file")

    monkeypatch.setattr("edgecnn.doctor.examine", broken)
    run_cli("doctor").fails("/some/file: Permission denied")


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("live", "--record", ""), "--record"),
        (("live", "--jsonl="), "--jsonl"),
        (("classify", "x", "-m", ""), "--model"),
        (("evaluate", "digits", "--data", ""), "--data"),
        (("inspect", ""), "MODEL"),
        (("models", "export", "digits", "--out", ""), "--out"),
        (("train", "digits", "--data", ""), "--data"),
        (("train", ""), "RECIPE|FOLDER"),
        (("data", "check", ""), "FOLDER|NAME"),
    ],
)
def test_an_empty_text_is_refused(run_cli, arguments, name):
    """It comes of an unset variable, and as a path would be the current folder."""
    run_cli(*arguments).fails(f"{name} is empty", code=2)
