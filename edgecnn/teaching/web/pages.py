"""The routes `/api/v1/teach/…`: what the page does, a script can do."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

import cv2
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from edgecnn.errors import GateError
from edgecnn.image.file import read_file, read_image
from edgecnn.io.json_text import to_json
from edgecnn.live.sink.web.admission import MOST_BYTES
from edgecnn.live.sink.web.json_bodies import MOST_JSON, read_fields
from edgecnn.teaching.recorder import encode
from edgecnn.teaching.teacher import RENEW_S
from edgecnn.teaching.web.exports import photos_zip, version_zip

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    from starlette.requests import Request

    from edgecnn.io.checked_json import Field
    from edgecnn.live.sink.web.site import Site
    from edgecnn.teaching.teacher import Teacher

    Handler = Callable[[Request], Awaitable[Response]]

BASE = "/api/v1/teach"
# Characters of names that other programs give: a folder's has up to 255 bytes.
_LABEL, _ID = 255, 1024
_MOST_IDS, _MOST_COUNT, _THUMBNAIL = 2000, 1000, 160
# Room for that many ids of usual length.
_LISTED = 16 * MOST_JSON


class TeachPages:
    """Serves a teacher; see docs/teach.md."""

    event = "teach"

    def __init__(self, teacher: Teacher) -> None:
        self._teacher = teacher
        self.openapi: Mapping[str, Mapping[str, Any]] = json.loads(
            files(__package__).joinpath("openapi.json").read_bytes()
        )
        self._posts: dict[str, tuple[Handler, int]] = {
            "classes/add": (self._add_class, MOST_JSON),
            "classes/rename": (self._rename_class, MOST_JSON),
            "classes/remove": (self._remove_class, MOST_JSON),
            "photos/add": (self._add_photo, MOST_BYTES),
            "photos/move": (self._move, _LISTED),
            "photos/remove": (self._remove, _LISTED),
            "photos/restore": (self._restore, _LISTED),
            "record/start": (self._start, MOST_JSON),
            "record/keep": (self._renew, MOST_JSON),
            "record/stop": (self._stop, MOST_JSON),
            "correct": (self._correct, MOST_JSON),
            "review/label": (self._review_label, _LISTED),
            "review/drop": (self._review_drop, _LISTED),
            "versions/keep": (self._keep, MOST_JSON),
            "versions/current": (self._use, MOST_JSON),
        }
        self.bodies: Mapping[str, int] = {f"{BASE}/{path}": most for path, (_, most) in self._posts.items()}
        self._site: Site | None = None

    def told(self) -> str | None:
        """Return the state as one line."""
        return to_json(self._teacher.state())

    def routes(self, site: Site) -> Sequence[Route]:
        """Return all routes."""
        self._site = site
        gets: dict[str, Callable[[Request], Response]] = {
            "state": self._state,
            "photos": self._photos,
            "photo": lambda request: self._file(self._teacher.photos.path(_query(request, "id"))),
            "thumbnail": self._thumbnail,
            "report": self._report,
            "review": self._review,
            "review/frame": lambda request: self._file(self._teacher.review.path(_query(request, "id"))),
            "versions/compare": self._compare,
            "versions/bundle.zip": lambda request: version_zip(self._teacher, _query(request, "name")),
            "versions/model.tflite": self._model,
            "photos.zip": lambda _: photos_zip(self._teacher),
        }
        return [
            *(Route(f"{BASE}/{path}", handler) for path, handler in gets.items()),
            *(
                Route(f"{BASE}/{path}", handler, methods=["POST"])
                for path, (handler, _) in self._posts.items()
            ),
        ]

    def _state(self, _: Request) -> Response:
        return JSONResponse(self._teacher.state())

    async def _changed(self, ids: Sequence[str] = ()) -> Response:
        return JSONResponse({"state": await run_in_threadpool(self._teacher.state), "ids": ids})

    async def _add_class(self, request: Request) -> Response:
        label = (await read_fields(request, "label"))("label").text(_LABEL)
        await run_in_threadpool(self._teacher.photos.add_class, label)
        self._teacher.changed()
        return await self._changed()

    async def _rename_class(self, request: Request) -> Response:
        body = await read_fields(request, "label", "to", "merge")
        label, to, merge = body("label").text(_LABEL), body("to").text(_LABEL), _flag(body, "merge")
        try:
            joined = await run_in_threadpool(self._teacher.rename, label, to, merge=merge)
        except FileExistsError as error:
            raise HTTPException(
                409, f"there is a class {to!r} already: merge both, or choose another name"
            ) from error
        return await self._changed(joined)

    async def _remove_class(self, request: Request) -> Response:
        label = (await read_fields(request, "label"))("label").text(_LABEL)
        return await self._changed(await run_in_threadpool(self._teacher.remove_class, label))

    def _photos(self, request: Request) -> Response:
        ids = self._teacher.photos.photos(_query(request, "label"))
        start, count = _number(request, "start", 0), _number(request, "count", 200)
        marked = self._teacher.marks()
        shown = [
            {
                "id": photo,
                "label": photo.partition("/")[0],
                **marked.get(photo, {"looks_like": None, "twin": None}),
            }
            for photo in ids[start : start + count]
        ]
        return JSONResponse({"photos": shown, "total": len(ids)})

    def _thumbnail(self, request: Request) -> Response:
        path = self._teacher.photos.path(_query(request, "id"))
        return Response(
            _thumbnail(path), media_type="image/jpeg", headers={"cache-control": "private, max-age=3600"}
        )

    def _file(self, path: Path) -> Response:
        # Without a type of its own, so that no photo is ever read as a page.
        kind = _KINDS.get(path.suffix.lower(), "application/octet-stream")
        return Response(read_file(path), media_type=kind)

    async def _add_photo(self, request: Request) -> Response:
        assert self._site is not None  # noqa: S101 - set by `routes`
        label, name = _query(request, "label"), request.query_params.get("name", "")[:_LABEL]
        async with self._site.uploads.take(request) as data:
            await self._site.decode(data, 8)  # refuses what is no image
            photo = await run_in_threadpool(self._teacher.save, label, bytes(data), name)
        return JSONResponse({"id": photo})

    async def _move(self, request: Request) -> Response:
        body = await read_fields(request, "ids", "to")
        ids, to = body("ids").texts(_MOST_IDS, _ID), body("to").text(_LABEL)
        moved = await run_in_threadpool(self._teacher.photos.move, ids, to)
        self._teacher.changed()
        return JSONResponse({"photos": len(moved), "ids": moved})

    async def _remove(self, request: Request) -> Response:
        ids = (await read_fields(request, "ids"))("ids").texts(_MOST_IDS, _ID)
        removed = await run_in_threadpool(self._teacher.photos.remove, ids)
        self._teacher.changed()
        return JSONResponse({"photos": len(removed), "ids": removed})

    async def _restore(self, request: Request) -> Response:
        ids = (await read_fields(request, "ids"))("ids").texts(_MOST_IDS, _ID)
        back = await run_in_threadpool(self._teacher.photos.restore, ids)
        self._teacher.changed()
        return JSONResponse({"photos": len(back), "ids": back})

    async def _start(self, request: Request) -> Response:
        label = (await read_fields(request, "label"))("label").text(_LABEL)
        return JSONResponse({"recording": await run_in_threadpool(self._teacher.record, label, RENEW_S)})

    async def _renew(self, request: Request) -> Response:
        self._teacher.renew((await read_fields(request, "recording"))("recording").text(40), RENEW_S)
        return JSONResponse({})

    async def _stop(self, request: Request) -> Response:
        token = (await read_fields(request, "recording"))("recording").text(40)
        return JSONResponse({"photos": await run_in_threadpool(self._teacher.stop, token)})

    async def _correct(self, request: Request) -> Response:
        body = await read_fields(request, "label", "frame")
        label, frame = body("label").text(_LABEL), body.find("frame")
        index = None if frame is None or frame.value is None else frame.integer(0, 1 << 53)
        return JSONResponse({"id": await run_in_threadpool(self._teacher.correct, label, index)})

    def _report(self, _: Request) -> Response:
        report = self._teacher.report
        if report is None:
            raise HTTPException(
                404, "there is no measurement yet: give two classes three photos each, better twenty"
            )
        return JSONResponse(report)

    def _review(self, request: Request) -> Response:
        review, start, count = (
            self._teacher.review,
            _number(request, "start", 0),
            _number(request, "count", 60),
        )
        frames = review.frames
        return JSONResponse(
            {"frames": [review.as_dict(f) for f in frames[start : start + count]], "total": len(frames)}
        )

    async def _review_label(self, request: Request) -> Response:
        body = await read_fields(request, "ids", "label")
        ids, label = body("ids").texts(_MOST_IDS, _ID), body("label").text(_LABEL)
        photos = await run_in_threadpool(self._teacher.review.label, ids, label)
        self._teacher.changed()
        return JSONResponse({"photos": len(photos), "ids": photos})

    async def _review_drop(self, request: Request) -> Response:
        ids = (await read_fields(request, "ids"))("ids").texts(_MOST_IDS, _ID)
        return JSONResponse({"frames": await run_in_threadpool(self._teacher.review.drop, ids)})

    async def _keep(self, request: Request) -> Response:
        body = await read_fields(request, "name", "even_if_worse")
        name = body.find("name")
        return await self._kept(self._teacher.keep, "" if name is None else name.text(60, 0), body)

    async def _use(self, request: Request) -> Response:
        body = await read_fields(request, "name", "even_if_worse")
        return await self._kept(self._teacher.use, body("name").text(60), body)

    async def _kept(self, call: Callable[..., Any], name: str, body: Field) -> Response:
        try:
            version = await run_in_threadpool(call, name, even_if_worse=_flag(body, "even_if_worse"))
        except GateError as error:
            raise HTTPException(409, str(error)) from error
        return JSONResponse(version.as_dict())

    def _compare(self, request: Request) -> Response:
        return JSONResponse(self._teacher.versions.compare(_query(request, "a"), _query(request, "b")))

    def _model(self, request: Request) -> Response:
        bundle = self._teacher.versions.get(_query(request, "name"))
        variant = bundle.default_variant()
        path = bundle.folder / bundle.variants[variant].file
        return FileResponse(
            path, media_type="application/octet-stream", filename=f"{bundle.name}-{variant}.tflite"
        )


_KINDS = {
    ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp",
    ".gif": "image/gif",
}  # fmt: skip


def _query(request: Request, key: str) -> str:
    value = request.query_params.get(key, "")
    if not 0 < len(value) <= _ID:
        raise HTTPException(422, f"the address lacks ?{key}=…, or it has more than {_ID} characters")
    return value


def _number(request: Request, key: str, default: int) -> int:
    text = request.query_params.get(key, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 8 and int(text) <= 10**6):
        raise HTTPException(422, f"?{key}={text[:20]!r} is no whole number, expected 0 to 1,000,000")
    return min(int(text), _MOST_COUNT) if key == "count" else int(text)


def _flag(body: Field, key: Literal["merge", "even_if_worse"]) -> bool:
    field = body.find(key)
    return field is not None and field.boolean()


def _thumbnail(path: Path) -> bytes:
    image = read_image(path, 2 * _THUMBNAIL)
    height, width = image.shape[:2]
    scale = min(1.0, _THUMBNAIL / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return encode(cv2.resize(image, size, interpolation=cv2.INTER_AREA))  # type: ignore[arg-type]
