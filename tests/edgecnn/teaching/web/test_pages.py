"""Teaching over HTTP, as the page and scripts do it."""

import http.client
import io
import json
import os
import zipfile
from urllib.parse import quote

import cv2
import pytest

from edgecnn.teaching.web.pages import BASE
from tests.conftest import until
from tests.edgecnn.teaching.conftest import draw


def shown(taught) -> str:
    status, _, body = taught.ask("/api/v1/status")
    return json.loads(body)["shown"] if status == 200 else ""


def jpeg(kind: str, seed: int) -> bytes:
    return cv2.imencode(".jpg", draw(kind, seed))[1].tobytes()


def add(taught, label: str, kind: str, count: int = 6) -> list[str]:
    ids = []
    for seed in range(count):
        status, _, body = taught.ask(f"{BASE}/photos/add?label={quote(label)}", "POST", jpeg(kind, seed))
        assert status == 200, body
        ids.append(json.loads(body)["id"])
    return ids


def test_two_things_are_taught_by_recording_and_answered(taught):
    assert taught.record("red", "red") >= 3
    assert taught.record("green", "green") >= 3
    state = taught.get("state")
    assert [entry["label"] for entry in state["classes"]] == ["green", "red"]
    until(lambda: taught.get("state")["knows"] == "head", "a head")
    taught.camera.kind = "red"
    until(lambda: shown(taught) == "red", "the answer red")
    taught.camera.kind = "green"
    until(lambda: shown(taught) == "green", "the answer green")


def test_a_page_that_goes_away_ends_its_recording(taught, monkeypatch):
    monkeypatch.setattr("edgecnn.teaching.web.pages.RENEW_S", 0.3)
    taught.post("record/start", label="red")
    assert taught.get("state")["recording"]["label"] == "red"
    until(lambda: taught.get("state")["recording"] is None, "the end of the recording")


def test_classes_are_added_renamed_merged_and_removed(taught):
    taught.post("classes/add", label="cup")
    assert "already" in taught.post("classes/add", 422, label="cup")
    newest = add(taught, "mug", "red", 2)[-1].replace("mug/", "cup/")
    assert "already" in taught.post("classes/rename", 409, label="mug", to="cup")
    merged = taught.post("classes/rename", label="mug", to="cup", merge=True)
    assert merged["state"]["classes"] == [{"label": "cup", "photos": 2, "newest": newest}]
    taught.post("classes/add", label="mug")
    taught.post("photos/move", ids=merged["ids"], to="mug")
    counts = [(entry["label"], entry["photos"]) for entry in taught.get("state")["classes"]]
    assert counts == [("cup", 0), ("mug", 2)], "a merge is undone"
    assert taught.post("classes/rename", label="mug", to="jar")["ids"] == []
    taught.post("classes/remove", label="cup")
    removed = taught.post("classes/remove", label="jar")
    assert removed["state"]["classes"] == []
    taught.post("photos/restore", ids=removed["ids"])
    assert taught.get("photos?label=jar")["total"] == 2, "a removed class comes back with its photos"


def test_photos_are_listed_moved_removed_and_brought_back(taught):
    first, second = add(taught, "red", "red", 2)
    taught.post("classes/add", label="green")
    assert [photo["id"] for photo in taught.get("photos?label=red")["photos"]] == [second, first]
    assert taught.get("photos?label=red&start=1&count=1")["photos"][0]["id"] == first
    moved = taught.post("photos/move", ids=[first], to="green")["ids"]
    removed = taught.post("photos/remove", ids=moved)["ids"]
    assert taught.get("photos?label=green")["total"] == 0
    assert taught.post("photos/restore", ids=removed)["ids"] == moved
    status, headers, body = taught.ask(f"{BASE}/thumbnail?id={quote(moved[0])}")
    assert (status, headers["content-type"], body[:3]) == (200, "image/jpeg", b"\xff\xd8\xff")
    status, headers, body = taught.ask(f"{BASE}/photo?id={quote(moved[0])}")
    assert (status, headers["content-type"], body) == (200, "image/jpeg", jpeg("red", 0))


@pytest.mark.parametrize("label", ["u\u0308bel", "a\\b", "x" * 255])
def test_classes_that_other_programs_named_are_recorded_reviewed_and_removed(
    teacher, taught, monkeypatch, label
):
    monkeypatch.setattr("edgecnn.teaching.review.UNSURE", 1.1)
    monkeypatch.setattr("edgecnn.teaching.review._APART_S", 0.0)
    (teacher.photos.folder / label).mkdir()
    teacher.photos.refresh()
    assert taught.record(label, "red") >= 2
    add(taught, "green", "green", 3)
    taught.camera.kind = "red"
    frame = until(lambda: [f for f in taught.get("review")["frames"] if label.startswith(f["label"])], label)[
        0
    ]
    assert taught.get("state")["problem"] is None
    assert taught.ask(f"{BASE}/review/frame?id={quote(frame['id'])}")[0] == 200
    photo = taught.post("review/label", ids=[frame["id"]], label=label)["ids"][0]
    assert photo.startswith(f"{label}/")
    assert taught.ask(f"{BASE}/thumbnail?id={quote(photo)}")[0] == 200
    count = taught.get(f"photos?label={quote(label)}")["total"]
    removed = taught.post("photos/remove", ids=[photo])["ids"]
    assert taught.post("photos/restore", ids=removed)["ids"] == [photo]
    taught.post("classes/remove", label=label)
    taught.post("photos/restore", ids=removed)
    taught.post("classes/rename", label=label, to="plain")
    assert taught.get("photos?label=plain")["total"] == 1 < count


def test_what_is_no_image_is_refused(taught):
    status, _, body = taught.ask(f"{BASE}/photos/add?label=red", "POST", b"<script>alert(1)</script>")
    assert status == 422
    assert b"image" in body
    assert taught.get("state")["photos"] == 0


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("classes/add", "[]", "table"),
        ("classes/add", "{", "no JSON"),
        ("classes/add", '{"label": 3}', "text"),
        ("classes/add", '{"label": "../x"}', "called"),
        ("classes/add", '{"label": "x", "more": 1}', "more"),
        ("photos/move", '{"ids": ["red/x.jpg"], "to": "red"}', "no class"),
        ("photos/remove", '{"ids": ["../../etc/passwd"]}', "no photo"),
        ("photos/restore", '{"ids": ["../x.jpg"]}', "trash"),
        ("record/keep", '{"recording": "77"}', "ended"),
        ("versions/current", '{"name": "../.."}', "no version"),
        ("review/label", '{"ids": ["x"], "label": "red"}', "no frame"),
    ],
)
def test_bad_requests_get_one_line(taught, path, body, words):
    status, _, answer = taught.ask(f"{BASE}/{path}", "POST", body)
    assert status == 422
    assert words in answer.decode()
    assert "\n" not in answer.decode()


@pytest.mark.parametrize(
    "path", ["photo?id=../../etc/passwd", "thumbnail?id=", "photos?label=none", "report"]
)
def test_what_does_not_exist_gets_one_line(taught, path):
    status, _, body = taught.ask(f"{BASE}/{path}")
    assert status in (404, 422)
    assert body


def test_other_sites_change_nothing(taught):
    status, _, _ = taught.ask(f"{BASE}/classes/add", "POST", '{"label": "x"}', Origin="http://evil.example")
    assert status == 403
    assert taught.get("state")["classes"] == []


def test_an_archive_that_lacks_a_photo_never_looks_complete(teacher, taught, monkeypatch):
    photos = add(taught, "red", "red", 3)
    os.mkfifo(teacher.photos.folder / "red" / "pipe.jpg")
    teacher.photos.refresh()
    status, _, body = taught.ask(f"{BASE}/photos.zip")
    assert (status, sorted(zipfile.ZipFile(io.BytesIO(body)).namelist())) == (200, sorted(photos))
    write = zipfile.ZipFile.write

    def fail_at_the_last(archive, path, inside):
        if inside == photos[-1]:
            raise PermissionError(13, "Permission denied")
        write(archive, path, inside)

    with monkeypatch.context() as patched:
        patched.setattr(zipfile.ZipFile, "write", fail_at_the_last)
        with pytest.raises(http.client.IncompleteRead):
            taught.ask(f"{BASE}/photos.zip")
    monkeypatch.setattr(os, "access", lambda path, how: False)
    status, _, body = taught.ask(f"{BASE}/photos.zip")
    assert (status, b"can't be read" in body) == (503, True)


def test_a_version_is_kept_compared_and_exported(taught):
    for kind in ("red", "green"):
        add(taught, kind, kind)
    until(lambda: taught.get("state")["judged"], "a measurement")
    version = taught.post("versions/keep", name="one")
    assert version["current"]
    assert taught.get("report")["labels"] == ["green", "red"]
    assert taught.get("versions/compare?a=one&b=one")["photos"] == 0
    status, headers, body = taught.ask(f"{BASE}/versions/bundle.zip?name=one")
    assert (status, headers["content-type"]) == (200, "application/zip")
    assert "one/bundle.json" in zipfile.ZipFile(io.BytesIO(body)).namelist()
    status, _, body = taught.ask(f"{BASE}/versions/model.tflite?name=one")
    assert body[4:8] == b"TFL3"
    status, _, body = taught.ask(f"{BASE}/photos.zip")
    assert len(zipfile.ZipFile(io.BytesIO(body)).namelist()) == 12


def test_viewers_get_the_state_as_it_changes(taught):
    with taught.connection() as connection:
        connection.request("GET", "/api/v1/events")
        answer = connection.getresponse()
        taught.post("classes/add", label="cup")
        states = []
        for _ in range(400):
            line = answer.readline().decode()
            if line == "event: teach\n":
                states.append(json.loads(answer.readline().decode().removeprefix("data: "))["classes"])
                if states[-1]:
                    break
    assert states[-1] == [{"label": "cup", "photos": 0, "newest": None}]
