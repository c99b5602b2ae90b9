"""Further pages on the live site: a notebook of two routes, with events of its own."""

import json
import threading

import cv2
import pytest
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.routing import Route

from edgecnn.live.sink.table import open_sink
from edgecnn.live.sink.web.json_bodies import MOST_JSON, read_fields
from edgecnn.live.sink.web.listen import Listen
from tests.conftest import draw_seven
from tests.edgecnn.live.sink.web.conftest import serve


class Notebook:
    """Keeps notes, and reports their number as an event."""

    def __init__(self):
        self.event = "notes"
        self.bodies = {"/api/v1/notes/add": MOST_JSON, "/api/v1/notes/image": 1 << 20}
        self.openapi = {"paths": {"/api/v1/notes/add": {"post": {}}}, "schemas": {"Note": {"type": "object"}}}
        self.notes, self.site = [], None

    def routes(self, site):
        self.site = site
        return [
            Route("/api/v1/notes/add", self.add, methods=["POST"]),
            Route("/api/v1/notes/image", self.image, methods=["POST"]),
            Route("/api/v1/notes/thread", self.thread),
        ]

    def told(self):
        return json.dumps({"notes": len(self.notes)})

    async def add(self, request):
        note = await read_fields(request, "text", "stars")
        stars = note.find("stars")
        text = note("text").text(20)
        if text in self.notes:
            raise HTTPException(409, f"{text!r} is noted already")
        self.notes.append(text)
        return JSONResponse({"stars": stars.integer(1, 5) if stars else None})

    async def image(self, request):
        async with self.site.uploads.take(request) as data:
            return JSONResponse({"bytes": len(data), "shape": (await self.site.decode(data)).shape})

    def thread(self, request):
        return JSONResponse({"thread": threading.current_thread().name})


@pytest.fixture
def notebook():
    return Notebook()


@pytest.fixture
def served(notebook):
    with serve(pages=notebook) as running:
        yield running


def add(served, body, **headers):
    status, _, answer = served.ask("/api/v1/notes/add", "POST", body, **headers)
    return status, answer.decode()


def test_a_body_is_read(served, notebook):
    assert add(served, '{"text": "milk", "stars": 3}') == (200, '{"stars":3}')
    assert add(served, '{"text": "bread"}') == (200, '{"stars":null}')
    assert notebook.notes == ["milk", "bread"]
    assert add(served, '{"text": "milk"}') == (409, "'milk' is noted already")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "the body: it is no JSON: Expecting value"),
        ("{", "the body: it is no JSON: "),
        (b"\xff", "the body: it is no UTF-8 text: byte 0"),
        ("[]", "the body: it is a list of 0, expected a table of keys and values"),
        ("{}", "the body: it lacks the key 'text'"),
        ('{"text": 3}', "the body: text is 3, expected a text of 1 to 20 characters"),
        ('{"text": "a", "text": "b"}', "the body: it has the key 'text' twice"),
        ('{"txt": "a"}', "the body: it has the key 'txt', expected only text, stars"),
        ('{"text": "a", "stars": true}', "the body: stars is true, expected a whole number from 1 to 5"),
        ('{"text": "\\u001b[2J"}', "the body: text is "),
        ("[" * 10_000, "the body: it has more than 32 levels"),
    ],
)
def test_a_wrong_body_is_refused_in_one_line(served, body, words):
    status, answer = add(served, body)
    assert (status, answer.startswith(words), answer.isprintable()) == (422, True, True), answer


def test_the_guard_stands_in_front_of_them(served, tmp_path):
    assert add(served, '{"text": "x"}', Origin="http://evil.example")[0] == 403
    assert add(served, b" " * (MOST_JSON + 1)) == (413, "the body is too long: at most 65,536 bytes")
    status, headers, _ = served.ask("/api/v1/notes/thread", "POST", "x")
    assert (status, headers["connection"]) == (405, "close"), "its body is not read"
    (tmp_path / "token").write_text("a-token-of-some-length")
    with serve(Listen(port=0, token_file=str(tmp_path / "token")), pages=Notebook()) as locked:
        assert add(locked, '{"text": "x"}')[0] == 401


def test_an_image_is_decoded_where_uploads_are(served):
    data = cv2.imencode(".png", draw_seven())[1].tobytes()
    status, _, body = served.ask("/api/v1/notes/image", "POST", data)
    assert (status, json.loads(body)) == (
        200,
        {"bytes": len(data), "shape": [*draw_seven().shape[:2], 3]},
    )
    status, _, body = served.ask("/api/v1/notes/image", "POST", b"no image")
    assert (status, b"no known image format" in body) == (422, True)


def test_a_plain_function_runs_in_a_thread_of_its_own(served):
    assert json.loads(served.ask("/api/v1/notes/thread")[2])["thread"] != "web"


def test_their_events_come_first_and_when_they_change(served):
    with served.connection() as connection:
        connection.request("GET", "/events")
        answer = connection.getresponse()

        def told():
            """Return the data of the next event called `notes`; the run's own come in between."""
            while answer.readline() != b"event: notes\n":
                pass
            return json.loads(answer.readline().removeprefix(b"data: "))

        assert told() == {"notes": 0}
        served.ask("/api/v1/notes/add", "POST", '{"text": "milk"}')
        assert told() == {"notes": 1}


def test_events_that_stay_the_same_are_not_sent_again(served):
    with served.connection() as connection:
        connection.request("GET", "/events")
        answer = connection.getresponse()
        lines = [answer.readline() for _ in range(40)]
    assert lines.count(b"event: notes\n") == 1
    assert sum(line.startswith(b'data: {"source"') for line in lines) > 10


def test_the_sink_takes_them_as_a_fact(notebook):
    from rich.console import Console

    facts = {"console": Console(quiet=True), "listen": Listen(port=0), "pages": notebook, "cameras": ("a",)}
    with open_sink("web", None, facts | {"upload_megapixels": 25, "background": "white", "model": "digits"}):
        assert notebook.site is not None
