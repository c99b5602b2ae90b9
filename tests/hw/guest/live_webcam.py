"""In the machine: `edgecnn live` on a webcam that is pulled out, stalls, tears frames and changes its size.

Leaves results.jsonl, live.txt (what it printed) and story.json (what happened when, and what was shown) in
the working folder. The arguments are the names of the pictures, `LABEL-N.jpg`.
"""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

from webcam import Picture, Webcam

WORK = Path("/run/work")
# An emulated processor takes its time; a stall is told after this many seconds.
STALL_S = 3
story: list[dict[str, object]] = []


def happens(what: str) -> None:
    story.append({"ns": time.monotonic_ns(), "what": what})
    print(f"{time.monotonic():8.2f} {what}", flush=True)


def until(condition, seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            live.kill()
            print((WORK / "live.txt").read_text())
            sys.exit(f"not within {seconds:g} s: {what}")
        time.sleep(0.1)


def results() -> int:
    path = WORK / "results.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def said(text: str) -> int:
    return (WORK / "live.txt").read_text().count(text)


def goes_on(count: int = 15) -> None:
    before = results()
    until(lambda: results() >= before + count, 90, f"{count} more results")


def plug(*sizes: tuple[int, int]) -> Webcam:
    webcam = Webcam(pictures, list(sizes))
    webcam.plug()
    until(lambda: list(Path("/dev").glob("video*")), 20, "a camera device")
    return webcam


pictures = [Picture(Path(name).name.partition("-")[0], Path(name).read_bytes()) for name in sys.argv[1:]]
happens("plugged in")
webcam = Webcam(pictures, [(640, 480), (320, 240)])
webcam.plug()
shown = [webcam.sent]
for _ in range(200):
    if list(Path("/dev").glob("video*")):
        break
    time.sleep(0.1)
with (WORK / "live.txt").open("w") as output:
    live = subprocess.Popen(
        [sys.executable, "-m", "edgecnn", "live", "--source", "auto", "--show", "none",
         "--stall", str(STALL_S), "--jsonl", WORK / "results.jsonl"],
        stdout=output, stderr=output,
    )  # fmt: skip
goes_on(40)

happens("unplugged")
webcam.unplug()
until(lambda: said("it is opened again when it is back") == 1, 60, "that it is gone")
time.sleep(2)
happens("plugged in again")
webcam = plug((640, 480), (320, 240))
shown.append(webcam.sent)
goes_on()
until(lambda: said("is back after") == 1, 5, "that it is back")

happens("stalled")
webcam.stalled = True
until(lambda: said("it is opened again when it is back") == 2, 60, "that it stalls")
happens("goes on")
webcam.stalled = False
goes_on()
until(lambda: said("is back after") == 2, 5, "that it is back")

happens("torn")
webcam.torn = True
time.sleep(3)
happens("whole")
webcam.torn = False
goes_on()

happens("another size")
webcam.unplug()
until(lambda: said("it is opened again when it is back") >= 3, 60, "that it is gone")
webcam = plug((320, 240))
shown.append(webcam.sent)
goes_on()

happens("told to end")
live.send_signal(signal.SIGTERM)
code = live.wait(60)
happens("ended")
webcam.unplug()
(WORK / "story.json").write_text(json.dumps({"code": code, "story": story, "shown": shown}))
