"""In the machine: `edgecnn teach` on a webcam, driven over HTTP as its page does it.

Three things are recorded in two places each and recognized, a fourth is corrected into one of them, versions
are kept, and the program is restarted. Leaves taught, taught-model, teach-1.txt, teach-2.txt (what was
printed) and taught.json in the working folder. The images are in `shown/NAME`.
"""

import json
import sys
import threading
import time
from pathlib import Path

from teaching_page import Page
from watched import EDGECNN, WORK, Child
from webcam import Image, Webcam

PORT, FPS = 8080, 5
THINGS = ("banana", "book", "cup")
# Photos of each recording; results that are judged for each thing.
PHOTOS, JUDGED = 6, 20
# Frames that the driver and the loop may still hold when another thing is shown.
STALE = 8
told: dict[str, object] = {"took": {}, "recorded": []}


def write() -> None:
    (WORK / "taught.json").write_text(json.dumps(told))


class Step:
    """A step of the story, whose duration is noted."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        self._began = time.monotonic()

    def __exit__(self, *_: object) -> None:
        now, fps = time.monotonic(), page.results[-1]["stats"]["fps"]
        told["took"][self._name] = round(now - self._began, 1)
        print(f"{now:7.1f} {self._name}: {now - self._began:.1f} s, {fps} frames/s", flush=True)
        write()


def start(printed: str) -> tuple[Child, Page]:
    command = ["teach", "taught", "--source", "0", "--fps", FPS, "--show", "web", "--port", PORT]
    command += ["--trunk", "efficientnet_lite0_128"]
    child, opened = Child([*EDGECNN, *map(str, command)], printed), Page(PORT)
    child.until(opened.answers, 120, "the page")
    opened.open()
    child.until(lambda: opened.results and opened.state, 120, "results and the state of teaching")
    return child, opened


def show(name: str) -> None:
    """Hold something in front of the lens, and wait for a result of it."""
    webcam.images = images[name]
    sent = len(webcam.sent)
    teach.until(lambda: len(webcam.sent) > sent + STALE, 60, "frames of the webcam")
    more_results(2)


def more_results(count: int) -> list[dict]:
    before = len(page.results)
    teach.until(lambda: len(page.results) >= before + count, 120, f"{count} more results")
    return page.results[before:]


def record(label: str, name: str) -> None:
    show(name)
    token = page.post("record/start", label=label)["recording"]
    released = page.hold(token)

    def has_photos() -> bool:
        running = page.state["recording"]
        return page.lapsed or (running and running["label"] == label and running["kept"] >= PHOTOS)

    teach.until(has_photos, 300, f"{PHOTOS} photos of {name}")
    released.set()
    told["recorded"].append(page.post("record/stop", recording=token)["photos"])


def settle() -> None:
    """Wait until everything is learned and measured."""
    revision = page.newest_state()["revision"]
    teach.until(lambda: page.state["revision"] >= revision and not page.state["busy"], 3600, "all is learned")


def answer(result: dict) -> str:
    return "unknown" if result["unknown"] else result["predictions"][0]["label"]


def judge() -> dict[str, list[tuple[str, str]]]:
    """Return the answers for frames of each thing that it was not taught: of the frame, and smoothed."""
    found = {}
    for thing in THINGS:
        show(f"{thing}-new")
        found[thing] = [(answer(result), result["shown"]) for result in more_results(JUDGED)]
    return found


def keep(name: str) -> None:
    page.post("versions/keep", name=name).get("refused") and use(name)


def use(name: str) -> None:
    """Use a version, and ask again where it is worse than the one in use."""
    if page.post("versions/current", name=name).get("refused"):
        page.post("versions/current", name=name, even_if_worse=True)


def watch_memory() -> None:
    """Note the least memory that was free or could be freed, in bytes."""
    told["least_available"] = 1 << 40
    while True:
        lines = Path("/proc/meminfo").read_text().splitlines()
        (line,) = (line for line in lines if line.startswith("MemAvailable:"))
        told["least_available"] = min(told["least_available"], int(line.split()[1]) << 10)
        time.sleep(0.5)


images = {
    folder.name: [Image(folder.name, path.read_bytes()) for path in sorted(folder.iterdir())]
    for folder in Path("shown").iterdir()
}
threading.Thread(target=watch_memory, daemon=True).start()
webcam = Webcam(images["cup-1"], [(640, 480)], hold=2)
webcam.plug()
page = Page(PORT)
with Step("start"):
    teach, page = start("teach-1.txt")
for place in (1, 2):
    for thing in THINGS:
        with Step(f"record {thing} {place}"):
            record(thing, f"{thing}-{place}")
with Step("learn and measure"):
    teach.until(lambda: page.state["knows"] == "head", 1200, "a head")
    settle()
told["judged"] = page.state["judged"]
with Step("judge"):
    told["answers"] = judge()

show("bottle")
told["bottle_before"] = answer(page.results[-1])
with Step("correct"):
    page.post("correct", label="cup", frame=page.results[-1]["frame"])
    teach.until(lambda: answer(page.results[-1]) == "cup", 300, "that the bottle is a cup")
settle()
with Step("keep"):
    keep("first")
told["first"] = page.newest_state()["kept"]
peak = teach.peak_bytes()
code, renewals, lapsed = teach.end(), page.renewals, page.lapsed

with Step("start again"):
    teach, page = start("teach-2.txt")
    teach.until(lambda: page.state["knows"] == "head", 1200, "a head")
settle()
told["again"] = page.state
show("bottle")
told["bottle_again"] = [answer(result) for result in more_results(10)]
with Step("record more"):
    record("book", "book-new")
settle()
with Step("keep another"):
    keep("second")
told["second"] = page.newest_state()["kept"]
with Step("go back"):
    use("first")
    teach.until(lambda: page.state["kept"][-1]["current"], 60, "the first version in use")
told["back"] = page.newest_state()["kept"]
told["peaks"] = [peak, teach.peak_bytes()]
told["codes"] = [code, teach.end()]
told["renewals"], told["lapsed"] = renewals + page.renewals, lapsed + page.lapsed
webcam.unplug()
write()
sys.exit(max(told["codes"]))
