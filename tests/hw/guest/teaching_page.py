"""In the machine: what a browser with the page of `edgecnn teach` is for the server."""

import http.client
import json
import threading
import time
from contextlib import suppress

API = "/api/v1/"
# The page renews a recording this often.
RENEW_S = 1.0
# Keeping a version takes minutes on an emulated processor.
_PATIENCE_S = 3600


class Page:
    """Follows the events and the images, and sends requests.

    Attributes
    ----------
    results
        The status of each result that was told.
    state
        The newest state of teaching.
    renewals
        The seconds that each renewal of a recording took.
    lapsed
        How many recordings had ended before they were renewed.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self.results: list[dict] = []
        self.state: dict = {}
        self.renewals: list[float] = []
        self.lapsed = 0
        self._threads = [threading.Thread(target=t, daemon=True) for t in (self._events, self._images)]

    def open(self) -> None:
        """Begin to follow."""
        for thread in self._threads:
            thread.start()

    def post(self, path: str, **body: object) -> dict:
        """Send a request to teach, and return the answer, with `refused` for a conflict. Raises OSError."""
        status, answer = self._ask("POST", f"teach/{path}", json.dumps(body))
        if status == 409:
            return {"refused": answer.decode()}
        if status != 200:
            raise OSError(f"{path}: {status} {answer.decode()}")
        return json.loads(answer)

    def newest_state(self) -> dict:
        """Return the state of teaching as it is now."""
        return json.loads(self._ask("GET", "teach/state")[1])

    def answers(self) -> bool:
        """Whether the server answers."""
        with suppress(OSError):
            return bool(self.newest_state())
        return False

    def hold(self, token: str) -> threading.Event:
        """Renew a recording until the event that is returned is set."""
        released = threading.Event()

        def renew() -> None:
            while not released.wait(RENEW_S):
                began = time.monotonic()
                try:
                    self.post("record/keep", recording=token)
                except OSError:
                    self.lapsed += not released.is_set()
                    return
                self.renewals.append(time.monotonic() - began)

        threading.Thread(target=renew, daemon=True).start()
        return released

    def _ask(self, method: str, path: str, body: str | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_PATIENCE_S)
        try:
            connection.request(method, API + path, body)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def _follow(self, path: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self._port)
        connection.request("GET", API + path)
        return connection.getresponse()

    def _events(self) -> None:
        kind = ""
        with self._follow("events") as lines:
            for line in lines:
                key, _, value = line.decode().rstrip("\n").partition(": ")
                if key == "event":
                    kind = value
                elif key == "data" and kind == "teach":
                    self.state, kind = json.loads(value), ""
                elif key == "data" and not kind:
                    self.results.append(json.loads(value))

    def _images(self) -> None:
        with self._follow("stream.mjpg") as parts:
            while parts.read(65536):
                pass
