"""Polls network cameras that answer each request with one image."""

from __future__ import annotations

import time
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit, urlunsplit

from edgecnn.camera import Camera, Mode
from edgecnn.camera.ffmpeg import check_size
from edgecnn.camera.opencv import OpenCvCamera
from edgecnn.camera.pace import Pace
from edgecnn.errors import CameraError, ImageError
from edgecnn.frame import Frame
from edgecnn.image.file import decode_reduced
from edgecnn.image.header import read_claim
from edgecnn.io.address import mask_secrets

if TYPE_CHECKING:
    from http.client import HTTPResponse

# Images a second without `--fps`.
RATE = 1.0
_MOST_BYTES = 16 << 20
_PART = 1 << 16


def open_stream_or_poll(source: str, mode: Mode | None = None) -> Camera:
    """Open an HTTP address: a stream or video is read, an address with a single image is polled.

    Raises CameraError.
    """
    try:
        camera = OpenCvCamera(source, mode)
    except CameraError as error:
        raise CameraError(_why_not(source, mode or Mode()) or str(error)) from error
    if not camera.is_single_image():
        return camera
    camera.close()
    return PolledCamera(source, mode)


def _why_not(source: str, mode: Mode) -> str | None:
    """Return what an address answers instead of a video, None without an answer; OpenCV reports neither."""
    url, opener = _opener(source)
    name = mask_secrets(source)
    try:
        with opener.open(url, timeout=mode.stall_s) as answer:
            kind = answer.headers.get_content_type()
    except HTTPError as error:
        error.close()
        return _refusal(name, error)
    except (URLError, OSError, ValueError):
        return None
    if not kind.startswith("text/"):
        return None
    return f"{name} answers with a page ({kind}), expected a video or an image: open it in a browser and see"


def _refusal(name: str, error: HTTPError) -> str:
    hint = ": check the user name and password" if error.code in (401, 403) else ""
    return f"{name} answers {error.code} ({error.reason}){hint}"


class PolledCamera(Camera):
    """Requests an image from an HTTP address, at the mode's rate or once a second.

    The user name and password in the address are sent to its own server only, by Basic or Digest
    authentication.
    """

    live = True

    def __init__(self, source: str, mode: Mode | None = None) -> None:
        self.name, self.address = mask_secrets(source), source
        mode = mode or Mode()
        self.fps = mode.fps or RATE
        self._background, self._patience_s = mode.background, mode.stall_s
        self._url, self._opener = _opener(source)
        self._pace = Pace(self.fps)
        self._index = 0
        self._least: int | None = None
        self._first: Frame | None = None
        self._first = self.read()

    @property
    def description(self) -> str:
        """How often it is asked."""
        return f"{self.name} asked for an image {self.fps:g} times a second"

    def read(self) -> Frame | None:
        """Ask for the next image when it is time.

        Raises CameraError where none comes, or only damaged ones.
        """
        if self._first is not None:
            first, self._first = self._first, None
            return first
        end = time.monotonic() + self._patience_s
        while True:
            self._pace.wait()
            data = self._ask()
            captured = time.monotonic_ns()
            try:
                claim = read_claim(data, self.name)
                check_size(claim.width, claim.height, self.name)
                pixels, encoded = decode_reduced(
                    data, self.name, self._least, quiet=False, background=self._background
                )
            except ImageError as error:
                if time.monotonic() > end:
                    raise CameraError(f"{self.name} gives no image: {error}") from error
                continue
            index, self._index = self._index, self._index + 1
            return Frame(pixels, captured, index, self.name, encoded=encoded)

    def need(self, side: int | None, *, whole: bool = False) -> None:
        """Decode JPEG images no larger than this needs."""
        self._least = None if whole else side

    def interrupt(self) -> None:
        """End a wait for the next image's time; one for the network ends with its time-out."""
        self._pace.interrupt()

    def _ask(self) -> bytes:
        """Return the bytes of one answer. Raises CameraError."""
        end = time.monotonic() + self._patience_s
        try:
            with self._opener.open(self._url, timeout=self._patience_s) as answer:
                return self._receive(answer, end)
        except HTTPError as error:
            error.close()
            raise CameraError(_refusal(self.name, error)) from error
        except (URLError, OSError, ValueError) as error:  # ValueError: what is no HTTP
            reason = mask_secrets(str(getattr(error, "reason", None) or error))
            raise CameraError(f"{self.name} gives no image: {reason}") from error

    def _receive(self, answer: HTTPResponse, end: float) -> bytes:
        data = bytearray()
        while part := answer.read1(_PART):
            data += part
            if len(data) > _MOST_BYTES:
                raise CameraError(f"{self.name} gives more than {_MOST_BYTES:,} bytes for an image")
            if time.monotonic() > end:
                raise CameraError(f"{self.name} takes longer than {self._patience_s:g} s for an image")
        return bytes(data)


class _Closing(urllib.request.BaseHandler):
    """Closes the answer that asked for a password, once there is another, which urllib leaves open."""

    def http_error_401(self, req: Any, fp: Any, *rest: Any) -> Any:
        try:
            answer = super().http_error_401(req, fp, *rest)  # type: ignore[misc] # of the other base
        except BaseException:
            fp.close()
            raise
        if answer is not None:
            fp.close()
        return answer


class _Basic(_Closing, urllib.request.HTTPBasicAuthHandler):
    """Basic authentication (RFC 7617)."""


class _Digest(_Closing, urllib.request.HTTPDigestAuthHandler):
    """Digest authentication (RFC 7616)."""


def _opener(source: str) -> tuple[str, urllib.request.OpenerDirector]:
    """Return the address without name and password, and what opens it with them."""
    parts = urlsplit(source)
    host = parts.netloc.rpartition("@")[2]
    url = urlunsplit((parts.scheme, host, parts.path, parts.query, ""))
    handlers: list[urllib.request.BaseHandler] = []
    if parts.username is not None:
        known = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        root = f"{parts.scheme}://{host}/"
        known.add_password(None, root, unquote(parts.username), unquote(parts.password or ""))
        handlers = [_Basic(known), _Digest(known)]
    return url, urllib.request.build_opener(*handlers)
