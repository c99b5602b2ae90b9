"""docs/raspberry-pi.md, typed into an emulated ARM64 machine with Debian, systemd and a USB webcam."""

import re
import shutil
import subprocess
from pathlib import Path

import cv2
import pytest

from tests.conftest import draw_seven
from tests.hw import kernel, system
from tests.hw.system import System
from tests.hw.userland import ROOT, Userland, pip, wheel

MISSING = [p for p in (*kernel.PROGRAMS, *system.PROGRAMS) if not shutil.which(p)]
pytestmark = [
    pytest.mark.hw("guide"),
    pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}: apt install qemu-system-arm cpio"),
]
GUEST = Path(__file__).parent / "guest"
# Typed by the user pi; Ctrl-C ends a live run that would not end, and a program stands in for the Pi's own.
TYPED = """
exec > /run/work/part-{part}.txt 2>&1
export PATH=/run/work/bin:$PATH PS4='$ ' TERM=dumb
cd; set -ex
edgecnn() {{
    if [ "$1" != live ]; then .venv/bin/edgecnn "$@"; return; fi
    PYTHONUNBUFFERED=1 .venv/bin/edgecnn "$@" > ~/live.txt 2>&1 & live=$!
    {{ until grep -q ^source ~/live.txt || ! kill -0 $live; do sleep 1; done; sleep {seconds}; }} 2> /dev/null
    kill -INT $live; wait $live; set +x; cat ~/live.txt; set -x
}}
"""
# Run by root at each boot: at the first one what is typed before the restart, at the second one the rest.
BOOT = """
cd /run/work; echo boot >> boots; part=$(wc -l < boots)
healthy() {
    until curl --silent --fail --header "Authorization: Bearer $(cat /var/lib/edgecnn/token)" \\
        http://127.0.0.1:8080/healthz; do sleep 2; done
}
if [ $part = 1 ]; then
    cp pip.conf /etc/pip.conf
    runuser -u pi -- tar -x -C /home/pi -f edgecnn.tar
else
    until journalctl --unit edgecnn --boot | grep -q 'no source opens'; do sleep 2; done
    runuser -u pi -- cp -r /home/pi/edgecnn/firmware_models/digits /home/pi/mine
    sed -i 's/^ "name": "digits"/ "name": "mine"/' /home/pi/mine/bundle.json
fi
for module in $(cat /run/modules/webcam); do insmod /run/modules/$module.ko; done
PYTHONPATH=/run/work/site python3 show_webcam.py seven.jpg &
until [ -e /dev/video0 ]; do sleep 1; done
[ $part = 1 ] || healthy
runuser -u pi -- bash part-$part.sh; code=$?
if [ $code = 0 ] && [ $part = 1 ]; then reboot; exit; fi
if [ $code = 0 ]; then healthy; journalctl --unit edgecnn --boot > journal.txt; fi
echo $code > exit; poweroff
"""


def typed_parts() -> list[str]:
    """Return what the page has typed on the Pi, before its restart and after it."""
    page = (ROOT / "docs" / "raspberry-pi.md").read_text()
    blocks = "\n".join(re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL))
    return blocks.split("sudo reboot\n")


@pytest.fixture
def work(tmp_path):
    """What the machine gets: the scripts, this repository, wheels for its Python, and what makes a webcam."""
    for number, commands in enumerate(typed_parts(), 1):
        (tmp_path / f"part-{number}.sh").write_text(TYPED.format(part=number, seconds=15) + commands)
    for script in GUEST.glob("*webcam.py"):
        shutil.copy(script, tmp_path)
    cv2.imwrite(str(tmp_path / "seven.jpg"), draw_seven())
    stand_in = tmp_path / "bin" / "rpicam-vid"
    stand_in.parent.mkdir()
    stand_in.write_text(
        '#!/bin/sh\n[ "$1" = --list-cameras ] && { echo "No cameras available!"; exit; }\n'
        "while cat /run/work/seven.jpg; do sleep 0.2; done\n"
    )
    stand_in.chmod(0o755)
    files = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(files, cwd=ROOT, capture_output=True, check=True).stdout
    pack = ["tar", "-c", "-f", tmp_path / "edgecnn.tar", "--null", "-T", "-", "--transform", "s,^,edgecnn/,"]
    subprocess.run(pack, cwd=ROOT, input=names, check=True)
    platforms = [f"--platform=manylinux_2_{minor}_aarch64" for minor in range(17, 37)]
    pip(
        "download", "--dest", tmp_path / "wheels", "--python-version", "3.11", "--only-binary", ":all:",
        "--platform=manylinux2014_aarch64", *platforms, wheel(), "hatchling", "editables",
    )  # fmt: skip
    (tmp_path / "pip.conf").write_text("[global]\nno-index = true\nfind-links = /run/work/wheels\n")
    site = Userland.of("bookworm").root / "opt" / "site"
    for part in ("numpy", "numpy.libs", "cv2", "opencv_python_headless.libs"):
        shutil.copytree(site / part, tmp_path / "site" / part)
    for path in (tmp_path, *tmp_path.rglob("*")):
        path.chmod(path.stat().st_mode | (0o755 if path.is_dir() else 0o644))
    # The user pi leaves here what was printed.
    for number in (1, 2):
        (tmp_path / f"part-{number}.txt").touch()
        (tmp_path / f"part-{number}.txt").chmod(0o666)
    return tmp_path


def test_the_page_has_both_parts():
    before, after = typed_parts()
    assert "make demo" in before
    assert "systemctl enable --now edgecnn" in before
    assert "journalctl" in after


def test_every_command_of_the_page(work):
    System.of("bookworm").run(work, BOOT, memory=512, limit_s=7200)
    before, after = ((work / f"part-{number}.txt").read_text() for number in (1, 2))
    assert "Traceback" not in before + after
    assert "aarch64" in before
    assert "MJPG" in before, "the webcam and its formats"
    assert "source /dev/video0 640×480 MJPG" in before
    assert "source rpicam 640×480" in before
    assert "token=" in before
    assert "active (running)" in after
    assert re.search(r"^edgecnn_frames_total.* [1-9]", after, re.MULTILINE)
    assert "model mine int8" in after
    journal = (work / "journal.txt").read_text()
    assert "no source opens" in journal, "the camera was missing at the start"
    assert "model mine int8" in journal, "the service shows the own model"
