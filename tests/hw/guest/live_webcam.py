"""In the machine: `edgecnn live` on a webcam that is pulled out, stalls, tears frames and changes its size.

Leaves results.jsonl, live.txt (what it printed) and story.json (what happened when, and what was shown) in
the working folder. The arguments are the names of the images, `LABEL-N.jpg`.
"""

import json
import sys
import time
from pathlib import Path

from watched import WORK, Watched
from webcam import Image, Webcam

# An emulated processor takes its time; a stall is told after this many seconds.
STALL_S = 3
story: list[dict[str, object]] = []


def happens(what: str) -> None:
    story.append({"ns": time.monotonic_ns(), "what": what})
    print(f"{time.monotonic():8.2f} {what}", flush=True)


def plug(*sizes: tuple[int, int]) -> Webcam:
    webcam = Webcam(images, list(sizes))
    webcam.plug()
    live.until(lambda: list(Path("/dev").glob("video*")), 20, "a camera device")
    return webcam


images = [Image(Path(name).name.partition("-")[0], Path(name).read_bytes()) for name in sys.argv[1:]]
happens("plugged in")
webcam = Webcam(images, [(640, 480), (320, 240)])
webcam.plug()
shown = [webcam.sent]
for _ in range(200):
    if list(Path("/dev").glob("video*")):
        break
    time.sleep(0.1)
live = Watched("--stall", str(STALL_S))
live.keeps_running(40)

happens("unplugged")
webcam.unplug()
live.until(lambda: live.said("it is reopened when it is back") == 1, 60, "that it is gone")
time.sleep(2)
happens("plugged in again")
webcam = plug((640, 480), (320, 240))
shown.append(webcam.sent)
live.keeps_running()
live.until(lambda: live.said("is back after") == 1, 5, "that it is back")

happens("stalled")
webcam.stalled = True
live.until(lambda: live.said("it is reopened when it is back") == 2, 60, "that it stalls")
happens("resumed")
webcam.stalled = False
live.keeps_running()
live.until(lambda: live.said("is back after") == 2, 5, "that it is back")

happens("torn")
webcam.torn = True
time.sleep(3)
happens("whole")
webcam.torn = False
live.keeps_running()

happens("another size")
webcam.unplug()
live.until(lambda: live.said("it is reopened when it is back") >= 3, 60, "that it is gone")
webcam = plug((320, 240))
shown.append(webcam.sent)
live.keeps_running()

happens("told to end")
code = live.end()
happens("ended")
webcam.unplug()
(WORK / "story.json").write_text(json.dumps({"code": code, "story": story, "shown": shown}))
