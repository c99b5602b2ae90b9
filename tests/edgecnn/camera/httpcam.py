"""A network camera on loopback over HTTP: a stream of JPEGs, and one JPEG a request."""

from __future__ import annotations

import base64
import hashlib
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import cv2

if TYPE_CHECKING:
    import numpy as np


class HttpCamera(ThreadingHTTPServer):
    """Serves one image, uint8 H×W×3 BGR; with `user` (`name:password`) only to clients that know it, by
    Basic or `digest` authentication.

    `/live.mjpg` is a stream, anything else one JPEG. `paths` are the addresses that were asked for and
    answered, `refused` counts those without the password. What `answer` returns for a path, a content type
    and a body, is sent instead.
    """

    daemon_threads = True
    answer = staticmethod(lambda path: None)

    def __init__(self, image: np.ndarray, user: str | None = None, *, digest: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.jpeg = cv2.imencode(".jpg", image)[1].tobytes()
        self.user, self.digest = user, digest
        self.wanted = None if user is None else "Basic " + base64.b64encode(user.encode()).decode()
        self.paths: list[str] = []
        self.refused = 0
        self.ended = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,))

    def url(self, path: str, user: str = "") -> str:
        return f"http://{user}127.0.0.1:{self.server_address[1]}{path}"

    def __enter__(self) -> HttpCamera:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Request(BaseHTTPRequestHandler):
    server: HttpCamera

    def do_GET(self) -> None:
        server = self.server
        if server.wanted is not None and not self._is_known():
            server.refused += 1
            self.send_response(401)
            kind = 'Digest realm="camera", nonce="1", qop="auth"' if server.digest else 'Basic realm="camera"'
            self.send_header("WWW-Authenticate", kind)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        server.paths.append(self.path)
        if other := server.answer(self.path):
            self._send(*other)
        elif urlsplit(self.path).path == "/live.mjpg":
            self._stream()
        else:
            self._send("image/jpeg", server.jpeg)

    def _is_known(self) -> bool:
        shown = self.headers["Authorization"] or ""
        if not self.server.digest:
            return shown == self.server.wanted
        said = dict(re.findall(r'(\w+)="?([^",]*)', shown))
        name, _, password = self.server.user.partition(":")
        one = hashlib.md5(f"{name}:camera:{password}".encode()).hexdigest()
        two = hashlib.md5(f"GET:{self.path}".encode()).hexdigest()
        right = f"{one}:1:{said.get('nc')}:{said.get('cnonce')}:auth:{two}"
        return said.get("response") == hashlib.md5(right.encode()).hexdigest()

    def _send(self, kind: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self) -> None:
        jpeg = self.server.jpeg
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace;boundary=frame")
        self.end_headers()
        head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n".encode()
        try:
            while not self.server.ended.is_set():
                self.wfile.write(head + jpeg + b"\r\n")
                time.sleep(0.03)
        except OSError:
            pass

    def log_message(self, *_: object) -> None:
        pass
