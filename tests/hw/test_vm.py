"""`edgecnn` on cameras' real drivers, in emulated ARM64 machines with Debian's kernel."""

import json
import shutil
import sys
from bisect import bisect_right
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

import edgecnn
from edgecnn.bundle.bundle import read_bundle
from edgecnn.camera.synthetic import SyntheticCamera
from edgecnn.learning.pretrained import make_pretrained
from tests.attack.images import bombs
from tests.conftest import draw_seven
from tests.hw import raspberry
from tests.hw.kernel import PROGRAMS
from tests.hw.machine import Machine

MISSING = [p for p in PROGRAMS if not shutil.which(p)]
pytestmark = [
    pytest.mark.hw("vm"),
    pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}: apt install qemu-system-arm cpio"),
]
ROOT = Path(__file__).parents[2]
GUEST = Path(__file__).parent / "guest"
LOAD = "for m in $(cat /run/modules/{}); do insmod /run/modules/$m.ko || exit 1; done\n"
THINGS = ("ball", "cross", "square", "stripes")
TAUGHT = ("banana", "book", "cup")
SEEN_LATE_NS = 300_000_000  # between the first bytes on the cable and the driver's time stamp


@pytest.fixture(scope="module", params=["bookworm"])
def machine(request):
    return Machine.of(request.param)


@pytest.fixture
def work(tmp_path):
    """What the machine gets: the scripts, and digits with their labels."""
    for script in GUEST.glob("*.py"):
        shutil.copy(script, tmp_path)
    with SyntheticCamera("synthetic:seed=5,fps=0") as camera:
        for index in range(12 * 30):
            frame = camera.read()
            if index % 30 == 15:
                name = tmp_path / f"{frame.truth}-{index}.jpg"
                cv2.imwrite(str(name), frame.pixels, [cv2.IMWRITE_JPEG_QUALITY, 90])
    return tmp_path


def test_a_webcam_through_everything_that_happens_to_one(machine, work):
    python = f"python{machine.userland.suite.python}"
    machine.run(work, f"{LOAD.format('webcam')} cd /run/work && {python} live_webcam.py *.jpg")
    told = json.loads((work / "story.json").read_text())
    assert told["code"] == 0
    lines = [json.loads(line) for line in (work / "results.jsonl").read_text().splitlines()]
    printed = (work / "live.txt").read_text()
    assert "MJPG" in printed.splitlines()[0]
    assert "Traceback" not in printed

    # Frames are numbered on, and none is classified twice or comes from before.
    indices = [line["frame"] for line in lines]
    assert indices == sorted(set(indices))
    times = [line["captured_ns"] for line in lines]
    assert times == sorted(times)

    # Each label is the one that was in front of the lens when the driver took the frame.
    shown = sorted(tuple(entry) for sent in told["shown"] for entry in sent)
    moments = [at for at, _ in shown]
    right = []
    for line in lines:
        at = bisect_right(moments, line["captured_ns"])
        near = {label for moment, label in shown[max(0, at - 2) : at + 1]
                if abs(moment - line["captured_ns"]) < SEEN_LATE_NS}  # fmt: skip
        assert near, "nothing is classified that was not sent"
        right.append(line["predictions"][0]["label"] in near)
    assert sum(right) / len(right) >= 0.95

    # Torn frames are not classified.
    moments = {event["what"]: event["ns"] for event in told["story"]}
    torn = [t for t in times if moments["torn"] + SEEN_LATE_NS < t < moments["whole"]]
    assert not torn

    # --stall decides how long the driver may say nothing: 3 seconds there, neither OpenCV's 10 nor others.
    assert 2.9e9 < moments["resumed"] - moments["stalled"] < 9e9
    assert any(b - a > 2e9 for a, b in pairwise(times)), "there was a time without a camera"


def test_the_kernels_own_camera_is_taken_away_and_comes_back(machine, work):
    """vivid: a driver of another kind, without MJPG."""
    load = "for m in $(cat /run/modules/vivid); do insmod /run/modules/$m.ko {}; done\n"
    options = "$([ $m = vivid ] && echo n_devs=1 node_types=0x1 num_inputs=1 input_types=0)"
    python = f"python{machine.userland.suite.python}"
    machine.run(work, f"{load.format(options)} cd /run/work && {python} live_vivid.py")
    assert "vivid" in (work / "cameras.txt").read_text()
    printed = (work / "live.txt").read_text()
    assert "320×180" in printed.splitlines()[0]
    assert "Traceback" not in printed
    indices = [json.loads(line)["frame"] for line in (work / "results.jsonl").read_text().splitlines()]
    assert indices == sorted(set(indices))


def test_uploads_that_cost_gigabytes_leave_a_machine_of_512_mb_running(machine, work):
    (work / "bombs").mkdir()
    for name, data in bombs().items():
        (work / "bombs" / name).write_bytes(data)
    seven = cv2.imencode(".jpg", draw_seven())[1].tobytes()
    (work / "bombs" / "zz-good.jpg").write_bytes(seven)
    python = f"python{machine.userland.suite.python}"
    machine.run(work, f"cd /run/work && {python} live_uploads.py", memory=512, limit_s=1500)
    told = json.loads((work / "uploads.json").read_text())
    assert told["code"] == 0
    assert told["statuses"].pop("zz-good.jpg") == 200, "the page still answers"
    assert set(told["statuses"].values()) <= {200, 413, 422}, told["statuses"]
    assert told["peak_bytes"] < 300e6
    printed = (work / "live.txt").read_text()
    assert "Traceback" not in printed
    assert "defect" not in printed


def test_on_a_raspberry_pi_3(tmp_path):
    """QEMU's, with its device tree: what edgecnn says of the board, and that it runs there."""
    seven = cv2.imencode(".png", draw_seven())[1].tobytes()
    edgecnn = "python3.11 -m edgecnn"
    script = f"""set -e
    {edgecnn} classify seven.png --json
    {edgecnn} live --source auto --show none 2>&1 && exit 1
    {edgecnn} live --source synthetic:fps=0 --frames 20 --show none
    {edgecnn} bench --cold-starts 1 --json bench.json > /dev/null; echo; cat bench.json
    """
    said = raspberry.run(tmp_path, script, {"seven.png": seven})
    lines = said.splitlines()
    (classified,) = (json.loads(line) for line in lines if line.startswith('{"source"'))
    assert classified["predictions"][0]["label"] == "7"
    assert "picamera2 can't be imported" in said
    assert "rpicam-vid is not installed: sudo apt install rpicam-apps-lite" in said
    assert "20 frames" in said
    assert '"model": "Raspberry Pi 3 Model B' in said


def test_less_is_done_where_jpeg_is_decoded_smaller(machine, tmp_path, capsys):
    """Counted in instructions, from the camera's file to the label; docs/benchmarks.md has the figures."""
    shutil.copy(ROOT / "benchmarks" / "decoding.py", tmp_path)
    python = f"python{machine.userland.suite.python}"
    script = f"cd /run/work && {python} decoding.py digits cifar10 signs --blocks 2 --runs 8 > counted.jsonl"
    machine.run(tmp_path, script, counted=True, limit_s=1500)
    found = [json.loads(line) for line in (tmp_path / "counted.jsonl").read_text().splitlines()]
    with capsys.disabled():
        for line in found:
            sys.stdout.write(f"{line}\n")
    assert [line["decoded_at"] for line in found] == ["1/8", "1/4", "1/2"]
    for line in found:
        assert line["ns"]["reduced"]["p50"] < line["ns"]["full"]["p50"]


def test_learning_from_400_photos_fits_into_512_mb(machine, tmp_path, monkeypatch):
    """A Pi 3 or Zero 2 W learns too: all photos are embedded, the bundle is written. The trunk is there."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    make_pretrained("efficientnet_lite0")
    rng = np.random.default_rng(6)
    for k in range(400):
        draw_thing(tmp_path / "photos" / THINGS[k % 4] / f"{k}.jpg", k % 4, rng)
    python = f"python{machine.userland.suite.python}"
    learn = f"{python} -m edgecnn learn photos --out model --trunk efficientnet_lite0"
    script = f"cd /run/work && export XDG_CACHE_HOME=/run/work/cache && {learn} > said.txt 2>&1"
    machine.run(tmp_path, script, memory=512, limit_s=4 * 3600)
    assert "Traceback" not in (tmp_path / "said.txt").read_text()
    bundle = read_bundle(tmp_path / "model")
    assert bundle.labels == THINGS
    assert bundle.variants["int8"].accuracy > 0.95
    with edgecnn.load(bundle) as classifier:  # and this machine gives the recorded answers too
        assert classifier.notices == ()


def test_a_webcam_teaches_three_things_with_512_mb(machine, work, monkeypatch, capsys):
    """As a user does on the page: record, correct, keep, restart, keep another version, go back."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(work / "cache"))
    make_pretrained("efficientnet_lite0_128")
    for thing in TAUGHT:
        draw_poses(work / "shown" / f"{thing}-1", f"thing={thing},table=wood,seed=1", range(6))
        draw_poses(work / "shown" / f"{thing}-2", f"thing={thing},table=cloth,seed=2", range(6))
        draw_poses(work / "shown" / f"{thing}-new", f"thing={thing},table=wood,seed=1", range(50, 60))
    draw_poses(work / "shown" / "bottle", "thing=bottle,table=wood,seed=1", [50], steps=(0, 3))
    python = f"python{machine.userland.suite.python}"
    run = f"cd /run/work && export XDG_CACHE_HOME=/run/work/cache && {python} teach_webcam.py"
    machine.run(work, LOAD.format("webcam") + run, memory=512, limit_s=4 * 3600)
    told = json.loads((work / "taught.json").read_text())
    with capsys.disabled():
        sys.stdout.write(f"\n{ {key: told[key] for key in ('took', 'peaks', 'least_available')} }\n")

    # It answers for frames that it was not taught, each on its own and smoothed.
    for kind in (0, 1):
        pairs = [(thing, entry[kind]) for thing, found in told["answers"].items() for entry in found]
        assert sum(thing == label for thing, label in pairs) >= 0.95 * len(pairs)
    # No recording ended before its page let it go; all photos are there.
    assert told["lapsed"] == 0
    photos = list((work / "taught").glob("[!.]*/*.jpg"))
    assert len(photos) == sum(told["recorded"]) + 1
    assert told["judged"]["photos"] == sum(told["recorded"][:6])

    # A correction is learned, and known after a restart.
    assert told["bottle_before"] != "cup"
    assert set(told["bottle_again"]) == {"cup"}
    assert [version["current"] for version in told["first"]] == [True]
    assert told["again"]["photos"] == sum(told["recorded"][:6]) + 1
    assert [(v["name"], v["current"]) for v in told["second"]] == [("second", True), ("first", False)]
    assert [(v["name"], v["current"]) for v in told["back"]] == [("second", False), ("first", True)]
    bundle = read_bundle(work / "taught-model")
    assert bundle.read("int8") == read_bundle(work / "taught" / ".versions" / "first").read("int8")
    with edgecnn.load(bundle) as classifier:
        assert classifier.notices == ()
        answers = [
            classifier.classify(path, 1)[0].label == thing
            for thing in TAUGHT
            for path in (work / "shown" / f"{thing}-new").iterdir()
        ]
    assert sum(answers) >= 0.95 * len(answers)
    assert told["codes"] == [0, 0]
    assert max(told["peaks"]) < 300e6
    printed = (work / "teach-1.txt").read_text() + (work / "teach-2.txt").read_text()
    assert "Traceback" not in printed
    assert "teaching:" not in printed


def draw_poses(folder, options, poses, steps=(0, 10, 20)):
    """Frames of the synthetic camera as JPEGs of 640×480, at these steps of each pose."""
    folder.mkdir(parents=True)
    with SyntheticCamera(f"synthetic:scene=things,{options},fps=0,hold=30") as camera:
        for pose in poses:
            for step in steps:
                pixels, _ = camera.draw(30 * pose + step)
                path = folder / f"{pose:02d}-{step:02d}.jpg"
                assert cv2.imwrite(str(path), pixels, [cv2.IMWRITE_JPEG_QUALITY, 90])


def draw_thing(path, kind, rng):
    """A thing of some color and size on a mottled ground, as a JPEG of 320×240."""
    ground = cv2.resize(rng.integers(60, 200, (6, 8, 3), dtype=np.uint8), (320, 240))
    color = rng.integers(0, 256, 3).tolist()
    x, y, r = int(rng.integers(100, 220)), int(rng.integers(90, 150)), int(rng.integers(40, 80))
    if kind == 0:
        cv2.circle(ground, (x, y), r, color, -1, cv2.LINE_AA)
    elif kind == 1:
        cv2.line(ground, (x - r, y), (x + r, y), color, r // 3, cv2.LINE_AA)
        cv2.line(ground, (x, y - r), (x, y + r), color, r // 3, cv2.LINE_AA)
    elif kind == 2:
        cv2.rectangle(ground, (x - r, y - r), (x + r, y + r), color, -1)
    else:
        for k in range(-3, 4):
            cv2.line(ground, (x - r, y + k * 14), (x + r, y + k * 14), color, 5, cv2.LINE_AA)
    path.parent.mkdir(parents=True, exist_ok=True)
    noisy = ground + rng.normal(0, 6, ground.shape)
    assert cv2.imwrite(str(path), noisy.clip(0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 90])
