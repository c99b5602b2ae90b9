import fcntl
import itertools
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from functools import partial

import pytest

from edgecnn.camera.devices import video_devices


def test_synthetic_frames_and_a_summary(run_cli, tmp_path):
    path = tmp_path / "out.jsonl"
    ran = run_cli("live", "--source", "synthetic:fps=0,seed=8", "--frames", 50, "--jsonl", path)
    assert ran.code == 0
    assert ran.err == ""
    assert re.search(r"50 frames in .* a second, \d+ dropped, \d+\.\d% of 50 labels right", ran.out)
    assert "inference" in ran.out
    assert "p99" in ran.out
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(lines) == 50
    assert {"captured_ns", "age_ms", "truth", "predictions", "latency_ms"} <= set(lines[0])
    right = sum(line["predictions"][0]["label"] == line["truth"] for line in lines)
    assert right >= 48


def test_a_cameras_answers_are_steadied_and_told_apart(run_cli, tmp_path):
    path = tmp_path / "out.jsonl"
    source = (
        "live",
        "--source",
        "synthetic:fps=0,seed=5,hold=20,flicker=25",
        "--frames",
        60,
        "--threshold",
        0,
        "--jsonl",
        path,
    )
    ran = run_cli(*source)
    assert re.search(r"60 frames in .*, \d+\.\d% of 60 labels right, \d+ changes? of label\n", ran.out)
    late = r"\d\.\d frames late on average, then \d+\.\d% right"
    words = rf"^  smoothed: \d+ changes? of label \(the true label: \d\); {late}"
    assert re.search(words, ran.out, re.MULTILINE)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert any(line["steady"]["predictions"] != line["predictions"] for line in lines)
    for key, text in (("steady", "smoothed: "), ("predictions", "labels right, ")):
        said = [line[key]["label"] if key == "steady" else line[key][0]["label"] for line in lines]
        changes = sum(a != b for a, b in itertools.pairwise(said))
        assert f"{text}{changes} change" in ran.out
    assert {line["steady"]["unknown"] for line in lines} == {False}

    path.unlink()
    ran = run_cli(*source, "--smooth", 0, "--hold", 1)
    assert "smoothed" not in ran.out
    assert "steady" not in json.loads(path.read_text().splitlines()[0])


def test_images_of_a_folder_stand_alone_unless_asked(run_cli, tmp_path, seven):
    for i in range(3):
        (tmp_path / f"{i}.png").write_bytes(seven.read_bytes())
    seven.unlink()
    ran = run_cli("live", "--source", tmp_path, "--jsonl", "-")
    assert len([line for line in ran.out.splitlines() if "steady" not in json.loads(line)]) == 3
    ran = run_cli("live", "--source", tmp_path, "--jsonl", "-", "--hold", 2)
    assert len([line for line in ran.out.splitlines() if "steady" in json.loads(line)]) == 3


def test_a_region_of_a_turned_image(run_cli, tmp_path, seven):
    import cv2

    scene = cv2.copyMakeBorder(cv2.imread(str(seven)), 0, 200, 100, 0, cv2.BORDER_CONSTANT, value=(255,) * 3)
    side = scene.shape[0] - 200
    seven.unlink()
    cv2.imwrite(str(tmp_path / "on-its-side.png"), cv2.rotate(scene, cv2.ROTATE_90_COUNTERCLOCKWISE))
    region = ("--rotate", 90, "--roi", f"100,0,{side},{side}")
    ran = run_cli("live", "--source", tmp_path, "--jsonl", "-", "--show", "none", *region)
    assert json.loads(ran.out)["predictions"][0]["label"] == "7"
    ran = run_cli("live", "--source", tmp_path, "--roi", "0,0,9999,10")
    ran.fails("0,0,9999,10", "beyond the image", code=2)
    ran = run_cli("live", "--source", tmp_path, "--roi", "middle")
    ran.fails("--roi is 'middle'", "--roi 160,0,320,320", code=2)


@pytest.mark.parametrize(
    "wrong",
    [("--smooth", 1), ("--hold", 0), ("--rotate", 45), ("--size", "640"), ("--size", "0x9"), ("--fps", 0)],
)
def test_impossible_settings_are_a_usage_error(run_cli, wrong):
    assert run_cli("live", "--source", "synthetic", *wrong).code == 2


def test_what_is_unknown_is_never_right(run_cli, tmp_path):
    path = tmp_path / "out.jsonl"
    arguments = ["--source", "synthetic:fps=0,seed=8", "--frames", 20, "--jsonl", path, "--show", "terminal"]
    ran = run_cli("live", *arguments, "--threshold", 1)
    assert ran.code == 0
    assert " 0.0% of 20 labels right, 20 unknown" in ran.out
    assert re.search(r"^unknown  \d 0\.\d+  .* fps", ran.out, re.MULTILINE)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert {line["unknown"] for line in lines} == {True}
    assert sum(line["predictions"][0]["label"] == line["truth"] for line in lines) >= 18


def test_jsonl_on_stdout_is_alone_there(run_cli):
    ran = run_cli("live", "--source", "synthetic:fps=0", "--frames", 5, "--jsonl", "-", "--show", "none")
    assert len([json.loads(line) for line in ran.out.splitlines()]) == 5
    assert "5 frames" in ran.err


def test_json_lines_and_a_table_in_the_same_run(run_cli, tmp_path):
    path = tmp_path / "out.csv"
    source = ("live", "--source", "synthetic:fps=0", "--frames", 5, "--show", "none")
    ran = run_cli(*source, "--jsonl", "-", "--csv", path)
    assert len([json.loads(line) for line in ran.out.splitlines()]) == 5
    assert len(path.read_text().splitlines()) == 6
    run_cli(*source, "--jsonl", "-", "--csv", "-").fails("can't both go to stdout", code=2)


@pytest.mark.parametrize("options", [("--jsonl", "--csv"), ("--jsonl", "--record"), ("--csv", "--record")])
def test_two_outputs_are_never_one_file(run_cli, tmp_path, options):
    one, other = options
    ran = run_cli("live", "--source", "synthetic", one, tmp_path / "a.mkv", other, tmp_path / "." / "a.mkv")
    ran.fails(f"{one} and {other} both name", code=2)
    assert not list(tmp_path.iterdir())


def test_sources_are_tried_in_order(run_cli):
    ran = run_cli("live", "--source", "97,synthetic:fps=0", "--frames", 3, "--show", "none")
    assert ran.code == 0
    assert "synthetic camera" in ran.out


def test_a_camera_that_does_not_open_is_one_line(run_cli):
    run_cli("live", "--source", "97").fails("/dev/video97", "does not exist")


@pytest.mark.skipif(bool(video_devices()), reason="this machine has a camera")
def test_auto_without_a_camera_is_one_line(run_cli):
    run_cli("live").fails("no camera device", "--source synthetic")


def test_a_window_without_a_screen_is_one_line(run_cli, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    ran = run_cli("live", "--source", "synthetic", "--show", "window", "--frames", 3)
    ran.fails("no window can be shown", "--show terminal")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_under_jsonl_is_reported_and_the_loop_keeps_running(run_cli):
    ran = run_cli(
        "live", "--source", "synthetic:fps=0", "--frames", 3, "--show", "none", "--jsonl", "/dev/full"
    )
    assert ran.code == 1
    said = ran.err.splitlines()
    assert len(said) == 2
    assert "/dev/full can't be written: No space left" in said[0]
    assert "/dev/full lacks 3 lines" in said[1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_cleanly_with_the_summary(number):
    command = [sys.executable, "-u", "-m", "edgecnn", "live", "--source", "synthetic", "--show", "terminal"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        # Its first plain line says that the loop runs.
        for line in child.stdout:
            if "fps" in line:
                break
        time.sleep(0.3)
        child.send_signal(number)
        out, err = child.communicate(timeout=20)
    assert child.returncode == 0
    assert re.search(r"\d+ frames in .* labels right", out)
    assert err == ""


@pytest.mark.parametrize(("wait_s", "code"), [(0.05, 0), (1.0, 130)])
def test_a_second_ctrl_c_ends_it_immediately_unless_it_is_the_first_ones_echo(wait_s, code):
    """`timeout` sends its signal to the process group, and to its child again."""
    engine = f"fake:delay_ms={100_000 if code else 1_000}"
    command = ["live", "--source", "synthetic", "--show", "terminal", "--engine", engine]
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "edgecnn", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        for line in child.stdout:
            if line.startswith("source "):
                break
        time.sleep(1)
        child.send_signal(signal.SIGINT)
        time.sleep(wait_s)
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=60)
    assert child.returncode == code
    assert "Traceback" not in err


@pytest.mark.parametrize("show", ["terminal", "none"])
def test_a_closed_terminal_ends_it_cleanly(tmp_path, show):
    path = tmp_path / "out.jsonl"
    command = [
        sys.executable,
        "-m",
        "edgecnn",
        "live",
        "--source",
        "synthetic",
        "--show",
        show,
        "--jsonl",
        path,
    ]
    master, slave = pty.openpty()
    take_it = partial(fcntl.ioctl, slave, termios.TIOCSCTTY, 0)
    with subprocess.Popen(
        command,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=take_it,  # noqa: PLW1509
    ) as child:
        os.close(slave)
        until = time.monotonic() + 60
        while (not path.exists() or path.stat().st_size < 2000) and time.monotonic() < until:
            if select.select([master], [], [], 0.05)[0]:
                os.read(master, 1 << 16)
        os.close(master)
        try:
            assert child.wait(20) == 0
        finally:
            child.kill()
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_a_recording(run_cli, tmp_path):
    path = tmp_path / "clip.mp4"
    source = ("live", "--source", "synthetic", "--seconds", 1, "--show", "none")
    ran = run_cli(*source, "--record", path)
    assert ran.code == 0
    assert f"edgecnn: recorded {path}" in ran.err
    assert path.stat().st_size > 1000
    run_cli(*source, "--record", path).fails("exists already")


def test_the_web_page_says_where_it_is_and_ends_with_the_run(run_cli, tmp_path):
    ran = run_cli("live", "--source", "synthetic:fps=0", "--frames", 5, "--show", "web", "--port", 0)
    assert ran.code == 0
    assert "web page http://127.0.0.1:" in ran.out
    assert "5 frames" in ran.out
    token = tmp_path / "token"
    ran = run_cli(
        "live", "--source", "synthetic:fps=0", "--frames", 5, "--show", "web", "--port", 0,
        "--host", "0.0.0.0", "--token-file", token,
    )  # fmt: skip
    assert f"the token is in {token}" in ran.out
    assert token.read_text() not in ran.out + ran.err


def test_a_web_page_that_cannot_be_is_a_line(run_cli, tmp_path):
    (tmp_path / "short").write_text("abc")
    live = ("live", "--source", "synthetic:fps=0", "--frames", 5, "--show", "web")
    run_cli(*live, "--host", "no.such.name").fails("--host no.such.name is no address")
    run_cli(*live, "--port", 0, "--token-file", tmp_path / "short").fails("has 3 characters", code=2)


def test_options_of_the_page_want_the_page(run_cli):
    ran = run_cli("live", "--source", "synthetic", "--frames", 1, "--host", "0.0.0.0")
    ran.fails("are the web page's: add --show web", code=2)


def test_several_cameras_in_one_run(run_cli, tmp_path):
    lines, table = tmp_path / "out.jsonl", tmp_path / "out.csv"
    sources = ["synthetic:seed=3,fps=100", "synthetic:seed=8,fps=100"]
    ran = run_cli("live", "--source", sources[0], "--source", f"97,{sources[1]}", "--frames", 60,
                  "--show", "none", "--jsonl", lines, "--csv", table)  # fmt: skip
    assert (ran.code, ran.err) == (0, "")
    named = [f"synthetic camera 640×480, seed {seed}" for seed in (3, 8)]
    assert ran.out.startswith(
        "".join(f"camera {n} {name}\n" for n, name in enumerate(named)) + "model digits int8 on "
    )
    assert re.search(r"^60 frames in .* labels right", ran.out, re.MULTILINE)
    found = [json.loads(line) for line in lines.read_text().splitlines()]
    rows = [row.split(",") for row in table.read_text().splitlines()[1:]]
    assert len(found) == len(rows) == 60
    for name, source in zip(named, sources, strict=True):
        own = [line["frame"] for line in found if line["source"] == source]
        assert own == sorted(own)
        assert len(own) > 10
        assert re.search(rf"^  {name}: {len(own)} frames in .* labels right", ran.out, re.MULTILINE)
        assert table.read_text().count(f'"{source}"') == len(own)
    assert all("steady" in line for line in found)


def test_of_several_cameras_each_is_recorded(run_cli, tmp_path):
    import cv2

    sources = ("--source", "synthetic:seed=3", "--source", "synthetic:seed=8")
    ran = run_cli("live", *sources, "--seconds", 1, "--show", "none", "--record", tmp_path / "clip.mkv")
    assert ran.code == 0, ran
    images = []
    for number in (0, 1):
        assert f"recorded {tmp_path}/clip-{number}.mkv" in ran.err
        clip = cv2.VideoCapture(str(tmp_path / f"clip-{number}.mkv"))
        images.append(clip.read()[1][100:400])
        clip.release()
    assert abs(images[0].astype(int) - images[1]).mean() > 3, "other digits on other paper"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_window_shows_one_camera(run_cli):
    ran = run_cli("live", "--source", "synthetic", "--source", "synthetic:seed=2", "--show", "window")
    ran.fails("a window shows one camera", "--show web", "--show terminal", code=2)


def test_a_camera_that_does_not_open_next_to_others_is_one_line(run_cli):
    ran = run_cli("live", "--source", "97", "--source", "synthetic", "--show", "none", "--frames", 5)
    assert ran.code == 0, ran
    assert len(ran.err.splitlines()) == 1
    assert "/dev/video97 does not exist" in ran.err
    assert "the other cameras start" in ran.err
    assert "camera 0 97 (not open yet)\ncamera 1 synthetic camera" in ran.out
    assert ran.out.count("5 frames in") == 2, "of the run and of camera 1"


def test_where_no_camera_opens_each_reason_is_reported(run_cli):
    ran = run_cli("live", "--source", "97", "--source", "98", "--show", "none")
    assert (ran.code, ran.out) == (1, "")
    first, second = ran.err.splitlines()
    assert "/dev/video97 does not exist" in first
    assert "/dev/video98 does not exist" in second
    assert "other cameras" not in ran.err
    ran = run_cli("live", "--source", "synthetic", "--source", "missing.mp4", "--show", "none")
    ran.fails("missing.mp4: no such file")


@pytest.mark.parametrize("command", [["teach"], ["collect", "--class", "cup"]])
def test_a_command_that_takes_one_camera_refuses_several(run_cli, tmp_path, command):
    ran = run_cli(*command, tmp_path / "taught", "--source", "synthetic", "--source", "synthetic:seed=2")
    ran.fails(f"{command[0]} takes one camera", "given 2 times", "edgecnn live", code=2)
    assert not (tmp_path / "taught").exists()


def test_an_empty_source_among_others_is_refused(run_cli):
    run_cli("live", "--source", "synthetic", "--source", "").fails("--source is empty", code=2)
