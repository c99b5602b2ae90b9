"""How a connection is read, and how it ends, as seen by a client on a bare socket."""

import re
import socket
import time
from contextlib import contextmanager

import pytest

from edgecnn.live.sink.web import admission, connection
from edgecnn.live.sink.web.guard import HEADERS
from tests.conftest import until

OURS = b"Host: 127.0.0.1\r\n"


@contextmanager
def client(served):
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as sock:
        yield sock


def answer(sock, most: int = 1 << 20) -> bytes:
    """Everything up to the end of the connection."""
    found = b""
    while len(found) < most:
        try:
            data = sock.recv(1 << 16)
        except ConnectionResetError:
            break
        if not data:
            break
        found += data
    return found


def status(data: bytes) -> int:
    return int(data.split(b" ", 2)[1])


def receive(sock) -> bytes:
    """The next answer, which is JSON."""
    found = b""
    while not found.endswith(b"}"):
        data = sock.recv(4000)
        assert data, found
        found += data
    return found


def send_on(sock, most: int = 1 << 30) -> int:
    """Send until the other side ends it or takes nothing more; return how much that was."""
    sent = 0
    try:
        while sent < most:
            sent += sock.send(bytes(min(1 << 16, most - sent)))
    except (ConnectionError, TimeoutError):
        pass
    return sent


REFUSED = [
    (b"POST /classify HTTP/1.1\r\n" + OURS + b"Content-Length: 16777217\r\n\r\n", 413),
    (b"POST /classify HTTP/1.1\r\n" + OURS + b"Content-Length: %d\r\n\r\n" % 10**30, 413),
    (b"POST /classify HTTP/1.1\r\n" + OURS + b"Transfer-Encoding: chunked\r\n\r\n10000\r\n", 411),
    (b"POST /classify HTTP/1.0\r\n" + OURS + b"Transfer-Encoding: chunked\r\n\r\n10000\r\n", 411),
    (b"POST /pause HTTP/1.1\r\n" + OURS + b"Content-Length: 1001\r\n\r\n", 413),
    (b"POST /pause HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 999\r\n\r\n", 421),
    (b"POST /pause HTTP/1.1\r\n" + OURS + b"Origin: http://evil.example\r\nContent-Length: 999\r\n\r\n", 403),
    (b"POST /nothing HTTP/1.1\r\n" + OURS + b"Content-Length: 999999\r\n\r\n", 404),
    (b"POST /events HTTP/1.1\r\n" + OURS + b"Content-Length: 999999\r\n\r\n", 405),
    (b"DELETE /variant HTTP/1.1\r\n" + OURS + b"Content-Length: 999999\r\n\r\n", 405),
    (b"GET /healthz HTTP/1.1\r\n" + OURS + b"Content-Length: 999999\r\n\r\n", 200),
    (b"GET /healthz HTTP/1.0\r\n\r\n", 421),
    (b"no request\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\n" + OURS + b"X: " + b"x" * 20_000, 400),
    (b"GET / HTTP/1.1\r\n" + OURS + b"a: b\r\n" * 5000, 400),
    (b"GET / HTTP/1.1\r\n" + OURS * 2 + b"\r\n", 400),
    (b"POST /classify HTTP/1.1\r\n" + OURS + b"Content-Length: -1\r\n\r\n", 400),
    (b"POST /classify HTTP/1.1\r\n" + OURS + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", 400),
    (b"POST /classify HTTP/1.1\r\n" + OURS + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501),
]


@pytest.mark.parametrize(("request_", "expected"), REFUSED, ids=[str(i) for i in range(len(REFUSED))])
def test_a_refusal_ends_the_connection_and_nothing_more_is_read(served, request_, expected):
    with client(served) as sock:
        sock.sendall(request_)
        found = answer(sock)
        # uvicorn calls whatever is no HTTP a bad request.
        assert status(found) in (expected, 400), found[:200]
        assert b"connection: close" in found.lower()
        for name in HEADERS:
            assert name.encode() in found.lower(), name
        # What the system takes in advance for a connection, a few megabytes, is not read.
        assert send_on(sock) < 64 << 20
    assert served.ask("/healthz")[0] == 200


def test_the_answer_reaches_whom_sends_first_and_reads_then(served):
    """Without a moment between the answer and the end, the client would see a connection reset instead."""
    with client(served) as sock:
        sock.sendall(
            b"POST /classify HTTP/1.1\r\n" + OURS + b"Content-Length: 99999999\r\n\r\n" + bytes(300_000)
        )
        time.sleep(0.2)
        assert status(answer(sock)) == 413


def test_a_body_that_is_not_asked_for_waits_outside(served):
    """Of the third upload of one client nothing is read, beyond what the system takes in advance."""
    socks = [socket.create_connection(("127.0.0.1", served.port), timeout=0.5) for _ in range(3)]
    try:
        for sock in socks:
            sock.sendall(b"POST /classify HTTP/1.1\r\n" + OURS + b"Content-Length: 8000000\r\n\r\n")
        until(lambda: len(served.sink._site.uploads._held._waiting) == 1, "the third waits")
        assert [send_on(sock, 7_999_999) for sock in socks[:2]] == [7_999_999] * 2
        assert send_on(socks[2], 7_999_999) < 7_999_999
        assert served.ask("/healthz")[0] == 200
    finally:
        for sock in socks:
            sock.close()


def test_a_client_that_expects_100_continue_gets_it(served):
    """As curl expects it; where it is refused, the body never comes."""
    head = b"POST /pause HTTP/1.1\r\n" + OURS + b"Expect: 100-continue\r\n"
    with client(served) as sock:
        sock.sendall(head + b"Content-Length: 3\r\n\r\n")
        assert sock.recv(1000).startswith(b"HTTP/1.1 100")
        sock.sendall(b"off")
        assert receive(sock).startswith(b"HTTP/1.1 200")
    with client(served) as sock:
        sock.sendall(head + b"Content-Length: 3000\r\n\r\n")
        assert status(answer(sock)) == 413


def test_several_requests_on_one_connection(served):
    """One after the other, and all in one write."""
    with client(served) as sock:
        for _ in range(3):
            sock.sendall(b"GET /healthz HTTP/1.1\r\n" + OURS + b"\r\n")
            assert receive(sock).startswith(b"HTTP/1.1 200")
        sock.sendall(b"POST /pause HTTP/1.1\r\n" + OURS + b"Content-Length: 3\r\n\r\noff")
        assert receive(sock).startswith(b"HTTP/1.1 200")
    with client(served) as sock:
        once = b"GET /healthz HTTP/1.1\r\n" + OURS + b"\r\n"
        sock.sendall(once * 50 + b"GET /healthz HTTP/1.1\r\n" + OURS + b"Connection: close\r\n\r\n")
        assert answer(sock).count(b"HTTP/1.1 200") == 51


@pytest.mark.parametrize("kind", ["websocket", "h2c"])
def test_an_upgrade_is_not_taken(served, kind):
    with client(served) as sock:
        sock.sendall(b"GET /healthz HTTP/1.1\r\n" + OURS + b"Upgrade: %s\r\n" % kind.encode())
        sock.sendall(b"Connection: upgrade\r\n\r\n")
        assert re.match(rb"HTTP/1.1 (200|4\d\d)", sock.recv(4000))


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nX: "])
def test_a_head_that_does_not_come_ends_the_connection(served, monkeypatch, sent):
    monkeypatch.setattr(connection, "HEAD_S", 0.5)
    with client(served) as sock:
        sock.sendall(sent)
        start = time.monotonic()
        trickle(sock)
        assert time.monotonic() - start < 5


def trickle(sock) -> None:
    """Send a byte now and then until the other side ends it."""
    sock.settimeout(0.1)
    while True:
        try:
            if not sock.recv(1000):
                return
        except TimeoutError:
            pass
        except ConnectionError:
            return
        try:
            sock.send(b"x")
        except OSError:
            return


def test_a_second_head_that_does_not_come_ends_it_too(served, monkeypatch):
    monkeypatch.setattr(connection, "HEAD_S", 0.5)
    with client(served) as sock:
        sock.sendall(b"GET /healthz HTTP/1.1\r\n" + OURS + b"\r\n")
        assert receive(sock).startswith(b"HTTP/1.1 200")
        sock.sendall(b"GET / HT")
        start = time.monotonic()
        trickle(sock)
        assert time.monotonic() - start < 5


def test_a_slow_body_is_ended(served, monkeypatch):
    monkeypatch.setattr(admission, "BODY_S", 0.3)
    with client(served) as sock:
        sock.sendall(b"POST /classify HTTP/1.1\r\n" + OURS + b"Content-Length: 1000\r\n\r\nx")
        found = answer(sock)
    assert status(found) == 408
    assert b"connection: close" in found


@pytest.mark.slow
def test_a_crowd_keeps_no_client_out(served):
    """Three hundred that say nothing: the oldest ones go, and each newcomer is answered."""
    idle = []
    try:
        for i in range(300):
            idle.append(socket.create_connection(("127.0.0.1", served.port), timeout=10))
            if i % 50 == 49:
                assert served.ask("/healthz")[0] == 200
        assert until(lambda: len(served.sink._server.server_state.connections) < 100, "they go") is not False
        idle[0].settimeout(5)
        assert answer(idle[0]) == b""
    finally:
        for sock in idle:
            sock.close()


def test_viewers_who_take_nothing_go_first(served):
    """A hundred and twenty of one client: then the stuck ones go, and the one that reads stays."""
    with client(served) as sock:
        sock.sendall(b"GET /events HTTP/1.1\r\n" + OURS + b"\r\n")
        assert sock.recv(4000).startswith(b"HTTP/1.1 200")
        stuck = []
        try:
            for _ in range(130):
                stuck.append(socket.create_connection(("127.0.0.1", served.port), timeout=10))
                stuck[-1].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                stuck[-1].sendall(b"GET /stream.mjpg HTTP/1.1\r\n" + OURS + b"\r\n")
                if len(stuck) == 100:
                    until(
                        lambda: sum(c.flow.write_paused for c in connections(served) if c.flow) > 50,
                        "they are stuck",
                    )
            assert served.ask("/healthz")[0] == 200
            until(lambda: len(connections(served)) <= 130, "the oldest of them are gone")
            for _ in range(3):
                assert b"data: " in sock.recv(1 << 16)
        finally:
            for other in stuck:
                other.close()


def connections(served) -> list:
    return list(served.sink._server.server_state.connections)
