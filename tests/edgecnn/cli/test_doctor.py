import itertools
import json
import subprocess
import sys


def test_it_says_what_works_here(run_cli):
    ran = run_cli("doctor")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert any(line.startswith("ok    litert: ") for line in lines)
    assert "ok    model: digits runs, with the same answers as where it was trained" in lines
    assert lines[-1].startswith("edgecnn runs here; failures: 0, warnings: ")
    for line, following in itertools.pairwise(lines):
        assert line.startswith(("WARN", "FAIL")) == following.startswith("      → ")


def test_json_has_every_finding(run_cli):
    found = json.loads(run_cli("doctor", "--json").out)
    assert {"name", "status", "found", "mend"} == set(found[0])
    assert {f["status"] for f in found} <= {"ok", "warning"}


def test_without_numpy_and_opencv_it_still_speaks(tmp_path):
    """What it is for: an install that is broken."""
    for name in ("numpy", "cv2", "ai_edge_litert"):
        (tmp_path / f"{name}.py").write_text(f"raise ImportError('{name} is broken')\n")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from edgecnn.cli import main; main()"
    environment = {"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"}
    ran = subprocess.run(
        [sys.executable, "-c", code, "doctor"], capture_output=True, text=True, env=environment, check=False
    )
    assert ran.returncode == 1, ran.stderr
    for name in ("numpy", "opencv", "litert"):
        assert f"FAIL  {name}: " in ran.stdout
    assert "is broken" in ran.stdout
    assert "Traceback" not in ran.stdout + ran.stderr
    assert "edgecnn can't run here; failures: 3" in ran.stdout
