import json

import pytest

import edgecnn
from edgecnn.camera import real_cameras


@pytest.mark.skipif(bool(real_cameras()), reason="this machine has a camera")
def test_without_a_camera_it_says_so(run_cli):
    ran = run_cli("cameras")
    assert ran.code == 0
    assert "no camera found" in ran.out
    assert "--source synthetic" in ran.out
    assert json.loads(run_cli("cameras", "--json").out) == []


def test_the_synthetic_camera_is_listed_last_and_not_among_the_connected_ones(run_cli):
    lines = run_cli("cameras").out.splitlines()
    at = lines.index("synthetic")
    assert "synthetic:scene=things draws things on a table: apple, ball, " in lines[-1]
    assert all(line.startswith("  ") for line in lines[at + 1 :])
    assert "synthetic" not in run_cli("cameras", "--json").out


def test_a_raspberry_pis_own_cameras_are_those_of_its_program(run_cli, tmp_path, monkeypatch):
    script = tmp_path / "rpicam-vid"
    script.write_text(
        "#!/bin/sh\n"
        "[ \"$1\" = --list-cameras ] && echo 'Available cameras' && echo '0 : imx708 [4608x2592]'\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    lines = run_cli("cameras").out.splitlines()
    at = lines.index("rpicam")
    assert lines[at : at + 3] == ["rpicam", "  Available cameras", "  0 : imx708 [4608x2592]"]
    found = json.loads(run_cli("cameras", "--json").out)
    assert {"source": "rpicam", "says": ["Available cameras", "0 : imx708 [4608x2592]"]} in found


def test_an_added_camera_is_listed_with_what_it_says(run_cli, unregister):
    edgecnn.register_camera(
        "scope", "edgecnn.camera.synthetic:SyntheticCamera", found=lambda: ["scope:1"],
        describe=lambda source: [f"{source}: 40× lens"],
    )  # fmt: skip
    lines = run_cli("cameras").out.splitlines()
    at = lines.index("scope:1")
    assert lines[at + 1] == "  scope:1: 40× lens"
    assert {"source": "scope:1", "says": ["scope:1: 40× lens"]} in json.loads(
        run_cli("cameras", "--json").out
    )
    assert "camera scope:1: scope:1: 40× lens" in run_cli("doctor").out
