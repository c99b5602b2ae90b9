"""A client without the token is answered at a bounded rate, one with the token immediately."""

import re
import socket

import pytest

from edgecnn.live.sink.web import bucket, connection, rate_limit
from edgecnn.live.sink.web.guard import COOKIE, Guard
from edgecnn.live.sink.web.listen import Listen
from edgecnn.live.sink.web.pools import THIS_MACHINE
from edgecnn.live.sink.web.rate_limit import BURST, PER_S, RateLimit
from tests.conftest import until
from tests.edgecnn.live.sink.web.conftest import serve

TOKEN = "a-token-of-some-length"


class Held:
    def __init__(self, client_id: str = "a", gone: list | None = None) -> None:
        self.client_id, self._gone = client_id, [] if gone is None else gone

    def resume(self) -> None:
        self._gone.append(self)


class Later:
    """Time as the tests set it, and what is to be called then."""

    def __init__(self, monkeypatch):
        self.now_s, self._calls = 1000.0, []
        monkeypatch.setattr(bucket.time, "monotonic", lambda: self.now_s)
        monkeypatch.setattr(rate_limit.asyncio, "get_running_loop", lambda: self)

    def call_later(self, delay_s, call, *arguments):
        self._calls.append((self.now_s + delay_s, call, arguments))

    def pass_by(self, seconds):
        end_s = self.now_s + seconds
        while due := [call for call in self._calls if call[0] <= end_s]:
            first = min(due, key=lambda call: call[0])
            self._calls.remove(first)
            self.now_s = first[0]
            first[1](*first[2])
        self.now_s = end_s


@pytest.fixture
def later(monkeypatch):
    return Later(monkeypatch)


@pytest.fixture
def limited():
    """Lets in what begins with the token."""
    return RateLimit(lambda _, head: head.startswith(b"token"))


def test_one_client_waits_and_others_do_not(later, limited):
    gone = []
    assert all(limited.allows(Held(), b"") for _ in range(BURST))
    waiting = [Held("a", gone) for _ in range(3 * PER_S)]
    assert not any(limited.allows(held, b"") for held in waiting)
    assert limited.allows(Held("b"), b"")
    assert limited.allows(Held("a"), b"token")
    later.pass_by(1)
    assert abs(len(gone) - PER_S) <= 1
    later.pass_by(3)
    assert gone == waiting, "first come, first served"
    assert limited.allows(Held(), b"")


def test_a_newcomer_does_not_overtake(later, limited):
    gone = []
    for _ in range(BURST + 5):
        limited.allows(Held("a", gone), b"")
    later.pass_by(1.5 / PER_S)
    late = Held("a", gone)
    assert not limited.allows(late, b"")
    later.pass_by(1)
    assert len(gone) == 6
    assert gone[-1] is late


def test_a_client_that_leaves_takes_no_turn(later, limited):
    gone = []
    for _ in range(BURST):
        limited.allows(Held(), b"")
    for _ in range(1000):
        held = Held("a", gone)
        assert not limited.allows(held, b"")
        limited.discard(held)
    patient = Held("a", gone)
    assert not limited.allows(patient, b"")
    later.pass_by(2 / PER_S)
    assert gone == [patient]
    later.pass_by(10)
    assert not limited._waiting
    limited.discard(patient)


def guard(token: str | None = TOKEN) -> Guard:
    return Guard(None, token, {})


@pytest.mark.parametrize(
    "head",
    [
        f"GET / HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\n\r\n",
        f"GET / HTTP/1.1\r\nauthorization: bearer  {TOKEN}\r\n\r\n",
        f"GET / HTTP/1.1\r\nAUTHORIZATION: BEARER {TOKEN}\r\n\r\n",
        f"GET /?token={TOKEN} HTTP/1.1\r\n\r\n",
        f"GET /?a=b&token={TOKEN}&c=d HTTP/1.1\r\n\r\n",
        f"GET / HTTP/1.1\r\nCookie: a=b; {COOKIE}=COOKIE; c=d\r\n\r\n",
        f"GET / HTTP/1.1\r\nCookie: {COOKIE}=COOKIE\r\n\r\n",
        f"POST /token HTTP/1.1\r\n\r\ntoken={TOKEN}",
        f"GET /?token=wrong HTTP/1.1\r\nX: token=;token=\r\nAuthorization: Bearer {TOKEN}\r\n\r\n",
    ],
)
def test_the_token_is_seen_at_a_glance(head):
    looks = guard()
    assert looks.shows_token("a", head.replace("COOKIE", looks._cookie).encode())


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /?token= HTTP/1.1\r\n\r\n",
        f"GET / HTTP/1.1\r\nAuthorization: Bearer {TOKEN}x\r\n\r\n".encode(),
        f"GET / HTTP/1.1\r\nX: {TOKEN}\r\n\r\n".encode(),
        b"token=" * 3000,
        "Bearer größe".encode(),
    ],
)
def test_what_is_not_the_token_is_not_taken_for_it(head):
    assert not guard().shows_token("a", head)
    assert guard(None).shows_token("a", head), "none is asked for"


def test_a_token_that_is_not_looked_at_is_not_seen_either():
    """Otherwise the time of an answer would show a client that guessed too often that it is right now."""
    looks = guard()
    head = f"GET / HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode()
    for client in ("a", THIS_MACHINE):
        while not looks._guesses.are_too_many(client):
            looks._guesses.count(client)
    assert not looks.shows_token("a", head)
    assert looks.shows_token(THIS_MACHINE, head)
    assert looks.shows_token("a", f"Cookie: {COOKIE}={looks._cookie}".encode())
    looks._guesses.trust("a")
    assert looks.shows_token("a", head)


@pytest.fixture
def locked(tmp_path):
    (tmp_path / "token").write_text(TOKEN)
    with serve(Listen(port=0, token_file=str(tmp_path / "token"))) as running:
        yield running


@pytest.fixture
def never_refilled(monkeypatch):
    """However slow the machine is, no client's turn comes."""
    monkeypatch.setattr(bucket.Bucket, "left", lambda self: self._left)


def ask_without(served, count: int) -> list:
    """Send so many requests without a token, each over a connection of its own."""
    crowd = []
    for _ in range(count):
        crowd.append(socket.create_connection(("127.0.0.1", served.port), timeout=10))
        crowd[-1].sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    return crowd


def test_its_owner_does_not_wait_behind_a_crowd_without_a_token(locked, never_refilled, monkeypatch):
    crowd = ask_without(locked, BURST + 20)
    try:
        for sock in crowd[:BURST]:
            assert re.match(rb"HTTP/1.1 401", sock.recv(4000))
        for _ in range(20):
            assert locked.ask("/healthz", Authorization=f"Bearer {TOKEN}")[0] == 200
        assert not any(map(has_come, crowd[BURST:]))
        monkeypatch.undo()
        for sock in crowd[BURST:]:
            assert re.match(rb"HTTP/1.1 401", sock.recv(4000))
    finally:
        for sock in crowd:
            sock.close()


def has_come(sock) -> bool:
    """Whether an answer is there, or the end."""
    sock.setblocking(False)
    try:
        sock.recv(4000, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    finally:
        sock.settimeout(10)
    return True


def test_who_waits_too_long_is_let_go(locked, never_refilled, monkeypatch):
    monkeypatch.setattr(connection, "HEAD_S", 0.3)
    crowd = ask_without(locked, BURST + 20)
    try:
        assert [read_all(sock)[:12] for sock in crowd] == [b"HTTP/1.1 401"] * BURST + [b""] * 20
    finally:
        for sock in crowd:
            sock.close()
    until(lambda: not any(locked.sink._server.config.http_protocol_class.args[1]._waiting), "they are gone")


def read_all(sock) -> bytes:
    data = b""
    try:
        while more := sock.recv(4000):
            data += more
    except ConnectionResetError:
        pass
    return data
