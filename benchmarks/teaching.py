"""Measures `edgecnn teach`: from a click to a better answer, what recording costs the live loop, memory.

    python -m benchmarks.teaching answers [--photos 400] [--repeats 7]
    python -m benchmarks.teaching recording [--photos 400] [--repeats 7] [--seconds 5] [--fps 60]
    python -m benchmarks.teaching memory [--minutes 60] [--photos-a-minute 200]

All of it with the real command, which is driven over HTTP as the page does it, while one page is open, on the
synthetic camera.

answers    Seconds from the click on the right class until that class has the best score, for a thing of which
           no photo was taught, and for one whose class had three photos of something else.
recording  Frames a second while nothing happens, while a recording runs, and while its photos are learned:
           interleaved, the same photos at the start of each block.
memory     Adds and removes photos, and reports the memory each minute; see `benchmarks/soak.py` for what is
           counted. Exits with 1 where it grows by more than `--limit` MiB an hour.

Options that are not known go to the command: `--trunk efficientnet_lite0_128`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from http.client import HTTPException
from itertools import count
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import cv2

from benchmarks.soak import GIVE_BACK, Sample, look, slope
from benchmarks.taught import Client, Refused, Teaching
from edgecnn.camera.synthetic import SyntheticCamera

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

THINGS = ("apple", "banana", "book", "cup")
NEW = "leaf"
# Between two photos of a thing: it has moved, and the light has changed.
APART = 7
SETTLE_S = 600.0


def draw(thing: str, seed: int = 5) -> Iterator[bytes]:
    """Yield photos of a thing as JPEGs, each other than all before."""
    camera = SyntheticCamera(f"synthetic:scene=things,thing={thing},seed={seed}")
    for number in count():
        pixels, _ = camera.draw(number * APART)
        yield cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()


def fill(folder: Path, photos: int) -> None:
    """Write so many photos, the same number of each thing."""
    for thing in THINGS:
        (folder / thing).mkdir(parents=True)
        for number, data in zip(range(photos // len(THINGS)), draw(thing), strict=False):
            (folder / thing / f"photo-{number}.jpg").write_bytes(data)


def wait(condition: Callable[[], object], pause: float = 0.005) -> float:
    """Wait until something holds, and return how long that took."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > SETTLE_S:
            raise SystemExit("it did not happen within ten minutes")
        time.sleep(pause)
    return time.monotonic() - began


def settle(client: Client) -> None:
    """Wait until everything is learned and measured."""
    wait(lambda: not client.get("state")["busy"], 0.1)


@contextmanager
def teaching(photos: int, fps: float, *options: str) -> Iterator[tuple[Teaching, Client, Path]]:
    """Yield a run with so many photos that are learned, and the file that names what its camera shows."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        fill(place / "taught", photos)
        shown = place / "shown"
        shown.write_text(NEW)
        scene = {"show": shown, "fps": fps}
        with Teaching(place / "taught", place / "output.txt", "--review", "0", *options, **scene) as running:
            running.wait_for_frame()
            client = running.client()
            watch(running.port)
            settle(client)
            try:
                yield running, client, shown
            except BaseException:
                print(running.said(), file=sys.stderr)
                raise


def watch(port: int) -> None:
    """Read what an open page reads, until the run ends."""

    def read(path: str) -> None:
        with suppress(OSError, HTTPException), urlopen(f"http://127.0.0.1:{port}/api/v1/{path}") as stream:
            while stream.read(65536):
                pass

    for path in ("events", "stream.mjpg"):
        threading.Thread(target=read, args=(path,), daemon=True).start()


def measure_answers(photos: int, repeats: int, *options: str) -> dict[str, Any]:
    """Return the seconds from clicks to better answers, of a new class and of one that was taught wrongly."""
    others = draw("bottle")

    def click(client: Client, wrong: int) -> float:
        for _ in range(wrong):
            client.upload(NEW, next(others))
        settle(client)
        client.post("correct", label=NEW)
        took = wait(lambda: client.status()["ranking"][0]["label"] == NEW)
        settle(client)
        client.post("classes/remove", label=NEW)
        settle(client)
        return took

    with teaching(photos, 30, *options) as (_, client, _):
        new = [click(client, 0) for _ in range(repeats)]
        wrong = [click(client, 3) for _ in range(repeats)]
    return {"new_class": summary(new), "wrong_class": summary(wrong)}


def measure_recording(photos: int, repeats: int, seconds: float, fps: float, *options: str) -> dict[str, Any]:
    """Return the frames a second, idle and while it records and learns."""
    rates: dict[str, list[float]] = {"idle": [], "recording": [], "learning": []}
    kept = []
    with teaching(photos, fps, *options) as (_, client, _):
        for _ in range(repeats):
            rates["idle"].append(rate(client, seconds, lambda: None))
            token = client.post("record/start", label=NEW)["recording"]
            rates["recording"].append(
                rate(client, seconds, lambda: client.post("record/keep", recording=token))  # noqa: B023
            )
            kept.append(client.post("record/stop", recording=token)["photos"])
            rates["learning"].append(rate(client, seconds, lambda: None))
            client.post("classes/remove", label=NEW)
            settle(client)
    idle = median(rates["idle"])
    costs = {name: round(100 * (1 - median(rates[name]) / idle), 1) for name in ("recording", "learning")}
    return {name: summary(values) for name, values in rates.items()} | {"kept": kept, "cost_percent": costs}


def rate(client: Client, seconds: float, act: Callable[[], object]) -> float:
    """Return the frames a second for so many seconds, in which something is done once a second."""
    before, began = client.status()["stats"]["frames"], time.monotonic()
    while (left := began + seconds - time.monotonic()) > 0:
        act()
        time.sleep(min(1.0, left))
    frames = client.status()["stats"]["frames"] - before
    return float(frames / (time.monotonic() - began))


def measure_memory(minutes: float, photos: int, minute_s: float = 60.0, *options: str) -> list[Sample]:
    """Add and remove so many photos a minute, and return a sample for each minute after the first one."""
    samples = []
    things = [draw(thing) for thing in THINGS]
    os.environ |= GIVE_BACK
    with teaching(40, 30, *options) as (running, client, _):
        began = time.monotonic()
        for number in range(1, round(minutes) + 1):
            end = began + number * minute_s
            ids = []
            for k in range(photos):
                ids.append(client.upload(THINGS[k % len(THINGS)], next(things[k % len(THINGS)])))
                left = photos - k
                time.sleep(max(0.0, (end - 0.2 * minute_s - time.monotonic()) / left))
            client.post("photos/remove", ids=ids)
            settle(client)
            time.sleep(max(0.0, end - time.monotonic()))
            sample = look(running.pid, time.monotonic() - began)
            print(f"minute {number}: {sample.memory:.1f} MiB, {sample.threads} threads", file=sys.stderr)
            samples.append(sample)
    return samples[1:]


def summary(values: list[float]) -> dict[str, Any]:
    """Return the median and all values."""
    return {"median": round(median(values), 3), "all": [round(value, 3) for value in values]}


def main() -> None:
    """Measure what was asked for, and print it as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("answers", "recording", "memory"))
    parser.add_argument("--photos", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--fps", type=float, default=60.0)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--photos-a-minute", type=int, default=200)
    parser.add_argument("--limit", type=float, default=1.0)
    asked, options = parser.parse_known_args()
    grows = False
    if asked.what == "answers":
        found = measure_answers(asked.photos, asked.repeats, *options)
    elif asked.what == "recording":
        found = measure_recording(asked.photos, asked.repeats, asked.seconds, asked.fps, *options)
    else:
        samples = measure_memory(asked.minutes, asked.photos_a_minute, 60.0, *options)
        growth, error = slope(samples)
        found = {
            "mib": [round(sample.memory, 1) for sample in samples],
            "mib_per_hour": round(growth, 2),
            "standard_error": round(error, 2),
            "threads": [samples[0].threads, samples[-1].threads],
            "files": [samples[0].files, samples[-1].files],
        }
        grows = growth - 2 * error > asked.limit
    print(json.dumps({"load": os.getloadavg(), **found}))
    sys.exit(int(grows))


if __name__ == "__main__":
    try:
        main()
    except Refused as error:
        raise SystemExit(str(error)) from error
