"""docs/extending.md cannot rot: its cameras, engines and sinks run from outside the package."""

import json
import os
import re
import socket
import subprocess
import sys
import threading
import tomllib
from pathlib import Path

import cv2
import pytest

import edgecnn
from edgecnn.engine import ENGINES
from tests.conftest import draw_seven

TEXT = (Path(__file__).parent.parent / "docs" / "extending.md").read_text("utf-8")
BLOCKS = {
    name: f'"""{name}.py"""\n{code}'
    for name, code in re.findall(r'```python\n"""(\w+)\.py"""\n(.*?)```', TEXT, re.DOTALL)
}
LINES = "edgecnn.register_"


@pytest.fixture
def shots(tmp_path):
    """A folder that another program has filled."""
    (tmp_path / "shots").mkdir()
    cv2.imwrite(str(tmp_path / "shots" / "seven.png"), draw_seven())
    return tmp_path / "shots"


@pytest.fixture
def receiver():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(30)
        yield receiver


@pytest.fixture
def registered(tmp_path, monkeypatch, unregister):
    """Run the page's modules from a folder of their own."""
    monkeypatch.chdir(tmp_path)
    for name, code in BLOCKS.items():
        exec(compile(code, f"{name}.py", "exec"), {"__name__": name})


def test_the_page_has_one_of_each_and_each_is_short():
    assert list(BLOCKS) == ["newest", "reference", "udp"]
    assert all(code.count("\n") < 30 for code in BLOCKS.values())
    assert all(code.splitlines()[-1].startswith(LINES) for code in BLOCKS.values())


def test_the_commands_take_what_was_registered(registered, run_cli, shots, receiver):
    port = receiver.getsockname()[1]
    ran = run_cli("live", "--source", f"newest:{shots}", "--engine", "reference", "--frames", 5,
                  "--show", "none", "--sink", f"udp:127.0.0.1:{port}")  # fmt: skip
    assert (ran.code, ran.err) == (0, "")
    assert f"source newest:{shots}; model digits int8 on reference, 1 thread" in ran.out
    assert json.loads(receiver.recv(1000)) | {"fps": 0} == {"model": "digits", "label": "7", "fps": 0}
    run_cli("live", "--source", "synthetic", "--sink", "udp:9000").fails("expected udp:HOST:PORT")


def test_python_takes_what_was_registered(registered, shots):
    with (
        edgecnn.open_camera(f"newest:{shots}") as camera,
        edgecnn.load("digits", engine="reference") as classifier,
        edgecnn.load("digits") as fast,
    ):
        frame = camera.read()
        result = classifier.classify_frame(frame)
        assert result.label == "7"
        scores = [p.score for p in fast.classify(frame.pixels)]
        assert [p.score for p in result.predictions] == pytest.approx(scores, abs=2 / 256)


def test_a_camera_that_fails_is_reopened(registered, run_cli, shots):
    (shots / "seven.png").rename(shots / "seven.part")
    later = threading.Timer(1.0, lambda: (shots / "seven.part").rename(shots / "seven.png"))
    later.start()
    ran = run_cli("live", "--source", f"newest:{shots}", "--frames", 1, "--show", "none")
    later.join()
    assert ran.code == 0
    lost, back = ran.err.splitlines()
    assert "no PNG file in the folder yet; it is reopened when it is back" in lost
    assert f"newest:{shots} is back after " in back


def python(*arguments: object, site: Path, code: str = "") -> subprocess.CompletedProcess:
    """Run Python in a fresh process that finds a folder of installed packages."""
    return subprocess.run(
        [sys.executable, *(["-c", code] if code else ["-m", "edgecnn"]), *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": f"{site}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.fixture
def site(tmp_path):
    """A folder with the page's modules, installed as its pyproject.toml says."""
    project = tomllib.loads(re.search(r"```toml\n(\[project\].*?)```", TEXT, re.DOTALL)[1])["project"]
    folder = tmp_path / "site"
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    (info / "entry_points.txt").write_text(
        "".join(
            f"[{group}]\n{''.join(f'{name} = {value}{chr(10)}' for name, value in points.items())}\n"
            for group, points in project["entry-points"].items()
        )
    )
    for name, code in BLOCKS.items():
        kept = [line for line in code.splitlines() if not line.startswith(LINES)]
        (folder / f"{name}.py").write_text("\n".join(kept))
    return folder


@pytest.mark.parametrize("options", [(), ("--deadline", 60_000)], ids=["here", "in a child process"])
def test_the_commands_take_what_is_installed(site, shots, receiver, options):
    port = receiver.getsockname()[1]
    ran = python("live", "--source", f"newest:{shots}", "--engine", "reference", "--frames", 3,
                 "--show", "none", "--sink", f"udp:127.0.0.1:{port}", *options, site=site)  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "model digits int8 on reference" in ran.stdout
    assert json.loads(receiver.recv(1000))["label"] == "7"


def test_a_mistake_lists_what_is_installed(site):
    ran = python("live", "--source", "synthetic", "--sink", "upd:x", site=site)
    assert (ran.returncode, ran.stderr.strip()) == (2, "edgecnn: no sink 'upd': choose udp")
    ran = python("classify", "x.png", "--engine", "tpu", site=site)
    assert ran.returncode == 2
    assert ran.stderr.rstrip().endswith(f"choose auto, {', '.join(ENGINES)}, reference")


@pytest.mark.parametrize(
    "arguments",
    [
        ["live", "--help"],
        ["live", "--source", "synthetic:fps=0", "--frames", "3", "--show", "none"],
    ],
)
def test_entry_points_are_not_read_unless_something_is_missing(site, arguments):
    code = f"""import sys
sys.argv = ["edgecnn", *{arguments!r}]
from edgecnn.cli import main
try:
    main()
except SystemExit:
    pass
from edgecnn.camera import CAMERAS
from edgecnn.engine import ENGINES
from edgecnn.live.sink.table import SINKS
print("READ", [table.complete for table in (CAMERAS, ENGINES, SINKS)])"""
    ran = python(site=site, code=code)
    assert ran.stdout.rstrip().endswith("READ [False, False, False]"), ran.stderr


def test_a_script_registers_and_runs_a_command(site, shots, tmp_path):
    script = re.search(r"```python\n(import newest.*?)```", TEXT, re.DOTALL)[1]
    (tmp_path / "newest.py").write_text(BLOCKS["newest"])
    (tmp_path / "my_live.py").write_text(script)
    ran = subprocess.run(
        [sys.executable, tmp_path / "my_live.py", "live", "--source", f"newest:{shots}", "--frames", "2",
         "--show", "none"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert f"source newest:{shots}" in ran.stdout
