"""The HTTP API of teaching, in memory: for the tests of its page, which need no model that learns.

It answers as `edgecnn/teaching/web` does, and says by rule what a model would have to find out.
"""

from __future__ import annotations

import itertools
import json
import threading
import time

import cv2
import numpy as np
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from edgecnn.live.sink.web.admission import MOST_BYTES

PREFIX = "/api/v1/teach"
# A recording ends so long after its last sign of life.
KEEP_S = 2.0
MADE = "2026-11-28T12:00:00+00:00"


def jpeg(seed: int, side: int = 160) -> bytes:
    """A photo whose color and shape the seed decides."""
    rng = np.random.default_rng(seed)
    image = np.full((side, side, 3), rng.integers(120, 230, 3), np.uint8)
    center, radius = (
        rng.integers(side // 3, 2 * side // 3, 2).tolist(),
        int(rng.integers(side // 6, side // 3)),
    )
    cv2.circle(image, center, radius, rng.integers(0, 120, 3).tolist(), -1, cv2.LINE_AA)
    return cv2.imencode(".jpg", image)[1].tobytes()


class FakeTeach:
    """Pages of a teacher that knows what it is told.

    Attributes
    ----------
    asked
        Each changing request: its path, and its JSON.
    worse
        Whether keeping is refused until the user insists.
    """

    def __init__(self, **photos: int) -> None:
        self.event, self.openapi = "teach", {"paths": {}, "schemas": {}}
        self.asked: list[tuple[str, dict]] = []
        self.classes: list[str] = []
        self.photos: dict[str, dict] = {}
        self.removed: dict[str, dict] = {}
        self.unsure: dict[str, dict] = {}
        self.kept: list[dict] = []
        self.recording: dict | None = None
        self.worse = self.busy = False
        self.problem: str | None = None
        self._ids, self._seen_s = itertools.count(1), 0.0
        self._lock = threading.RLock()
        for label, count in photos.items():
            self.classes.append(label)
            for _ in range(count):
                self.add(label)
        self.bodies = {
            f"{PREFIX}/{path}": 64 << 10 for path in self._posts()
        } | {f"{PREFIX}/photos/add": MOST_BYTES}  # fmt: skip

    def add(self, label: str, **more) -> str:
        """Add a photo, and return its id."""
        photo_id = f"{label}/{next(self._ids):04}.jpg"
        with self._lock:
            self.photos[photo_id] = {"id": photo_id, "label": label, "looks_like": None, "twin": None, **more}
        return photo_id

    def doubt(self, label: str, score: float) -> str:
        """Add a frame to review, and return its id."""
        frame_id = f"f{next(self._ids)}"
        self.unsure[frame_id] = {"id": frame_id, "t": 90, "label": label, "score": score}
        return frame_id

    def count(self, label: str) -> int:
        """Return how many photos a class has."""
        return sum(photo["label"] == label for photo in self.photos.values())

    # What `Pages` asks for

    def told(self) -> str:
        """Record one photo where it records; return the state."""
        with self._lock:
            if self.recording:
                if time.monotonic() - self._seen_s > KEEP_S:
                    self.recording = None
                else:
                    self.recording["kept"] += 1
                    self.add(self.recording["label"])
            return json.dumps(self.state())

    def routes(self, site) -> list[Route]:
        """Return the routes of the contract."""
        gets = {
            "state": lambda _: self.state(),
            "photos": self._photos,
            "report": lambda _: self.report(),
            "review": lambda q: {"frames": list(self.unsure.values()), "total": len(self.unsure)},
            "versions/compare": self._compare,
        }
        files = {
            "photo": (lambda q: jpeg(_seed(q["id"]), 480), "image/jpeg"),
            "thumbnail": (lambda q: jpeg(_seed(q["id"])), "image/jpeg"),
            "review/frame": (lambda q: jpeg(_seed(q["id"])), "image/jpeg"),
            "versions/bundle.zip": (lambda q: b"PK", "application/zip"),
            "versions/model.tflite": (lambda q: b"TFL3", "application/octet-stream"),
            "photos.zip": (lambda q: b"PK", "application/zip"),
        }
        routes = [Route(f"{PREFIX}/{path}", self._answers(answer)) for path, answer in gets.items()]
        routes += [Route(f"{PREFIX}/{path}", self._serves(*each)) for path, each in files.items()]
        routes += [
            Route(f"{PREFIX}/{path}", self._obeys(path, act), methods=["POST"])
            for path, act in self._posts().items()
        ]
        return [*routes, Route(f"{PREFIX}/photos/add", self._upload, methods=["POST"])]

    def _answers(self, answer):
        return lambda request: JSONResponse(answer(request.query_params))

    def _serves(self, content, kind):
        return lambda request: Response(content(request.query_params), media_type=kind)

    def _obeys(self, path, act):
        async def obey(request):
            body = await request.json()
            with self._lock:
                self.asked.append((path, body))
                return JSONResponse(act(**body))

        return obey

    async def _upload(self, request):
        data, label = await request.body(), request.query_params["label"]
        if cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) is None:
            raise HTTPException(422, "the image is in no known image format")
        return JSONResponse({"id": self.add(label)})

    # What it says

    def state(self) -> dict:
        """Return what `teach/state` says."""
        newest = {photo["label"]: photo["id"] for photo in self.photos.values()}
        counts = [{"label": k, "photos": self.count(k), "newest": newest.get(k)} for k in self.classes]
        enough = sum(each["photos"] > 0 for each in counts) > 1
        judged = {"accuracy": 0.94, "low": 0.87, "high": 0.98, "photos": 48}
        return {
            "folder": "taught",
            "classes": counts,
            "recording": self.recording and {k: v for k, v in self.recording.items() if k != "token"},
            "knows": "head" if enough else "nothing",
            "busy": self.busy,
            "photos": len(self.photos),
            "revision": len(self.asked),
            "judged": judged if enough else None,
            "advice": "10 more photos of each class would help most." if enough else "",
            "kept": self.kept,
            "review": len(self.unsure),
            "problem": self.problem,
        }

    def report(self) -> dict:
        """Return a report in which each class is once taken for the next one."""
        labels, n = list(self.classes), len(self.classes)
        if not self.state()["judged"]:
            raise HTTPException(404, "there is no report yet")
        counts = [[15 if i == j else int(j == (i + 1) % n) for j in range(n)] for i in range(n)]
        photos = list(self.photos.values())
        return self.state()["judged"] | {
            "by_class": [{"label": each, "photos": 16, "recall": 0.94, "precision": 0.94} for each in labels],
            "confusion": counts,
            "labels": labels,
            "curve": [
                {"photos": p, "accuracy": a, "low": a - 0.1, "high": min(1, a + 0.06)}
                for p, a in ((6, 0.62), (12, 0.78), (24, 0.88), (48, 0.94))
            ],
            "advice": "More photos would help.",
            "useful": {
                "label": labels[0],
                "why": "confusion",
                "text": f"Most useful next: 10 photos of {labels[0]} from further away.",
            },
            "mislabelled": [
                {"id": p["id"], "label": p["label"], "looks_like": p["looks_like"], "score": 0.93}
                for p in photos if p["looks_like"]
            ],
            "doubled": [{"id": p["id"], "twin": p["twin"]} for p in photos if p["twin"]],
        }  # fmt: skip

    def _photos(self, query) -> dict:
        found = [p for p in reversed(self.photos.values()) if p["label"] == query["label"]]
        start = int(query["start"])
        return {"photos": found[start : start + int(query["count"])], "total": len(found)}

    def _compare(self, query) -> dict:
        names = {version["name"] for version in self.kept}
        if {query["a"], query["b"]} - names:
            raise HTTPException(404, "there is no such version")
        versions = {version["name"]: version for version in self.kept}
        both = (
            versions[query[key]] | {"on_these": {"accuracy": x, "low": x - 0.06, "high": x + 0.04}}
            for key, x in (("a", 0.94), ("b", 0.9))
        )
        return dict(zip("ab", both, strict=True)) | {"photos": 48, "note": ""}

    # What it does

    def _posts(self) -> dict:
        return {
            "classes/add": self._add_class,
            "classes/rename": self._rename,
            "classes/remove": self._remove_class,
            "photos/move": self._move,
            "photos/remove": self._remove,
            "photos/restore": self._restore,
            "record/start": self._start,
            "record/keep": self._keep,
            "record/stop": self._stop,
            "correct": lambda label, frame=None: {"id": self.add(label)},
            "review/label": self._label,
            "review/drop": self._drop,
            "versions/keep": self._keep_version,
            "versions/current": self._make_current,
        }

    def _add_class(self, label):
        if label in self.classes:
            raise HTTPException(409, f"there is a class {label!r} already")
        self.classes.append(label)
        return {"state": self.state(), "ids": []}

    def _rename(self, label, to, merge):
        if to in self.classes and not merge:
            raise HTTPException(409, f"there is a class {to!r} already")
        moved = self._move([p["id"] for p in self.photos.values() if p["label"] == label], to)
        ids = moved["ids"] if to in self.classes else []
        self.classes = list(dict.fromkeys(to if each == label else each for each in self.classes))
        return {"state": self.state(), "ids": ids}

    def _remove_class(self, label):
        self.classes.remove(label)
        removed = self._remove([p["id"] for p in self.photos.values() if p["label"] == label])
        return {"state": self.state(), "ids": removed["ids"]}

    def _move(self, ids, to):
        return {"photos": len(ids), "ids": [self._moved(self.photos.pop(each), to) for each in ids]}

    def _moved(self, photo: dict, to: str) -> str:
        return self.add(to)

    def _remove(self, ids):
        self.removed |= {f".trash/{each}": self.photos.pop(each) for each in ids}
        return {"photos": len(ids), "ids": [f".trash/{each}" for each in ids]}

    def _restore(self, ids):
        back = {each.removeprefix(".trash/"): self.removed.pop(each) for each in ids}
        self.photos |= back
        self.classes = list(dict.fromkeys([*self.classes, *(photo["label"] for photo in back.values())]))
        return {"photos": len(ids), "ids": list(back)}

    def _start(self, label):
        self._seen_s = time.monotonic()
        self.recording = {"label": label, "kept": 0, "alike": 0, "token": f"r{next(self._ids)}"}
        return {"recording": self.recording["token"]}

    def _keep(self, recording):
        if not self.recording or self.recording["token"] != recording:
            raise HTTPException(409, "this recording has ended")
        self._seen_s = time.monotonic()
        return {}

    def _stop(self, recording):
        if self.recording and self.recording["token"] == recording:
            self.recording = None
        return {}

    def _label(self, ids, label):
        for each in ids:
            del self.unsure[each]
        return {"photos": len(ids), "ids": [self.add(label) for _ in ids]}

    def _drop(self, ids):
        for each in ids:
            del self.unsure[each]
        return {"frames": len(ids)}

    def _keep_version(self, name, even_if_worse):
        counts = {"bytes": 4_700_000, "photos": len(self.photos), "classes": len(self.classes)}
        measured = {"accuracy": 0.94, "low": 0.87, "high": 0.98}
        name = name or f"v{len(self.kept) + 1}"
        version = {"name": name, "made": MADE, **counts, **measured, "current": False}
        self.kept.insert(0, version)
        return self._make_current(name, even_if_worse)

    def _make_current(self, name, even_if_worse):
        if self.worse and not even_if_worse:
            raise HTTPException(409, "it answers 80 % right, and the current version 94 %")
        for version in self.kept:
            version["current"] = version["name"] == name
        return next(version for version in self.kept if version["name"] == name)


def _seed(photo_id: str) -> int:
    return sum(photo_id.encode())
