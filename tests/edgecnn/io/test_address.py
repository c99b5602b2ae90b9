"""Secrets in addresses: masked wherever a source is named, while the connection uses them."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from edgecnn.camera import open_camera
from edgecnn.errors import CameraError
from edgecnn.io import address
from edgecnn.io.address import mask_secrets
from edgecnn.io.quiet import say
from tests.conftest import draw_seven, until
from tests.edgecnn.camera.httpcam import HttpCamera

MASKED = {
    "rtsp://admin:pw@10.0.0.2:554/x": "rtsp://***@10.0.0.2:554/x",
    "rtsp://token@host/": "rtsp://***@host/",
    "http://u:p@[::1]:80/a": "http://***@[::1]:80/a",
    "http://host/x?token=abc&size=640,480": "http://host/x?token=***&size=640,480",
    "http://host/?usr=a&pwd=b&channel=1": "http://host/?usr=***&pwd=***&channel=1",
    "http://host/?pass%77ord=1&X-Amz-Signature=2": "http://host/?pass%77ord=***&X-Amz-Signature=***",
    "rtsp://host/user=a&password=b&channel=1": "rtsp://host/user=***&password=***&channel=1",
    "http://host/#access_token=1": "http://host/#access_token=***",
    # Characters that belong percent-encoded are no way out.
    "rtsp://a:p@s/s#w?x@host/y": "rtsp://***@host/y",
    "rtsp://a:my pass@host/": "rtsp://***@host/",
    "auto,rtsp://u:p@a/x,rtsp://u:q@b/y": "auto,rtsp://***@a/x,rtsp://***@b/y",
    "http:/u:p@host/x": "http:/***@host/x",
    "u:p@host/snapshot.jpg: no such file": "***@host/snapshot.jpg: no such file",
    "no model 'u:p@host'": "no model '***@host'",
    "no argument (http://host/x?a=1&key=zz).": "no argument (http://host/x?a=1&key=***).",
    "http://u:p@host/?key=1: no server answers; a@b": "http://***@host/?key=***: no server answers; a@b",
}
KEPT = [
    "http://host:80/video@2x.mp4", "file:///data/a@b.mp4", "http://[::1]:80/a?size=640,480", "a@b: token=1",
    "http://host: closed; a@b", "no address: http://", "/dev/video0", "rtsp://***@host/?token=***: gone",
]  # fmt: skip


@pytest.mark.parametrize("text", MASKED)
def test_secrets_are_masked(text):
    assert mask_secrets(text) == MASKED[text]
    assert mask_secrets(MASKED[text]) == MASKED[text]


@pytest.mark.parametrize("text", KEPT)
def test_all_else_stays(text):
    assert mask_secrets(text) == text


def test_what_is_said_is_masked(capfd):
    say("rtsp://u:hunter2@host/ is gone")
    assert capfd.readouterr().err == "edgecnn: rtsp://***@host/ is gone\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("live", "--source", "{},nowhere.mp4", "--show", "none"),
        ("live", "{}"),
        ("classify", "{}"),
        ("bench", "--source", "{}"),
        ("evaluate", "digits", "--data", "{}"),
        ("live", "--model", "{}", "--show", "none"),
    ],
    ids=["source", "usage", "classify", "bench", "data", "model"],
)
def test_errors_hide_them(run_cli, arguments):
    secret = "http://admin:hunter2@127.0.0.1:9/x.mjpg?password=hunter2"
    ran = run_cli(*(a.format(secret) for a in arguments))
    assert ran.code in (1, 2)
    assert "127.0.0.1" in ran.err
    assert "hunter2" not in ran.err + ran.out
    assert "admin" not in ran.err


def test_python_gets_masked_names():
    with HttpCamera(draw_seven(), "admin:hunter2") as server:
        with open_camera(server.url("/live.mjpg?key=hunter2", "admin:hunter2@")) as camera:
            assert camera.read().source == server.url("/live.mjpg?key=***", "***@")
            assert "hunter2" not in camera.description
        with pytest.raises(CameraError) as caught:
            open_camera(server.url("/live.mjpg", "admin:wrong@"))
    assert "wrong" not in str(caught.value)
    assert "/live.mjpg?key=hunter2" in server.paths


def test_a_live_run_shows_them_nowhere(tmp_path):
    with HttpCamera(draw_seven(), "admin:hunter2") as server:
        source = server.url("/live.mjpg?size=640,480&token=hunter2", "admin:hunter2@")
        said = tmp_path / "said.txt"
        with said.open("w") as output:
            live = subprocess.Popen(
                [
                    sys.executable, "-m", "edgecnn", "live", "--source", source, "--show", "web",
                    "--port", "0", "--jsonl", tmp_path / "a.jsonl", "--csv", tmp_path / "a.csv",
                ],
                stdout=output, stderr=output,
            )  # fmt: skip
        try:
            until(
                lambda: (tmp_path / "a.csv").exists() and (tmp_path / "a.csv").read_text().count("\n") > 2,
                "rows",
            )
            page = re.search(r"http://127\.0\.0\.1:\d+/", said.read_text()).group()
            # What everybody on the machine can read: `ps`, and the page's own texts.
            title = Path(f"/proc/{live.pid}/cmdline").read_bytes() if Path("/proc").is_dir() else b"token=*"
            texts = [urllib.request.urlopen(page + path).read() for path in ("", "metrics", "healthz")]
            with urllib.request.urlopen(page + "events") as events:
                texts += [events.readline() + events.readline() + events.readline()]
            live.send_signal(signal.SIGTERM)
            assert live.wait(30) == 0
        finally:
            live.kill()
            live.wait()
        texts += [
            title,
            said.read_bytes(),
            *((tmp_path / f"a.{kind}").read_bytes() for kind in ("jsonl", "csv")),
        ]
    assert any(path.endswith("token=hunter2") for path in server.paths)
    assert all(b"hunter2" not in text for text in texts)
    assert b"live" in title
    assert b"token=*" in title
    assert sum(b"***@127.0.0.1" in text for text in texts) >= 4, (
        "the source is named in banner, events and files"
    )


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs Linux' /proc")
def test_arguments_stay_what_they_are_to_the_process_itself():
    code = (
        "import sys; from edgecnn.io.address import hide_arguments as h; h(); "
        "print(sys.argv[1]); print(open('/proc/self/cmdline').read())"
    )
    url = "rtsp://u:pässword@host/x?a=1"
    ran = subprocess.run([sys.executable, "-c", code, url, "end"], capture_output=True, text=True, check=True)
    own, title = ran.stdout.split("\n", 1)
    assert own == url
    hidden = "*" * len(os.fsencode("u:pässword"))
    assert title.split("\0")[-3:-1] == [f"rtsp://{hidden}@host/x?a=1", "end"]


def test_a_line_of_arguments_that_reads_otherwise_is_left_alone(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", ["edgecnn", "http://u:p@host/"])
    before = Path("/proc/self/cmdline").read_bytes() if Path("/proc").is_dir() else b""
    address.hide_arguments()  # this process' own line has no secret
    assert before == (Path("/proc/self/cmdline").read_bytes() if Path("/proc").is_dir() else b"")
