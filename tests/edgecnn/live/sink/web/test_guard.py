import re
import socket
import stat

import pytest

from edgecnn.errors import OptionError, OutputError
from edgecnn.live.sink.web.guard import COOKIE
from edgecnn.live.sink.web.listen import Listen
from tests.edgecnn.live.sink.web.conftest import serve

TOKEN = "a-token-of-some-length"


@pytest.fixture
def locked(tmp_path):
    (tmp_path / "token").write_text(TOKEN + "\n")
    with serve(Listen(port=0, token_file=str(tmp_path / "token"))) as running:
        yield running


@pytest.mark.parametrize(
    "path", ["/", "/main.js", "/stream.mjpg", "/events", "/healthz", "/metrics", "/nothing"]
)
def test_nothing_without_the_token(locked, path):
    assert locked.ask(path)[0] == 401


def test_the_token_in_a_header(locked):
    assert locked.ask("/healthz", Authorization=f"Bearer {TOKEN}")[0] == 200


def test_the_token_in_the_address_becomes_a_cookie(locked):
    status, headers, _ = locked.ask(f"/?token={TOKEN}")
    assert (status, headers["location"]) == (303, "/")
    cookie = headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert locked.ask("/", Cookie=cookie.partition(";")[0])[0] == 200


def test_a_person_is_asked_for_it_in_a_form(locked):
    status, headers, body = locked.ask("/", Accept="text/html,*/*")
    assert status == 401
    assert b'action="/token"' in body
    assert headers["content-type"].startswith("text/html")
    assert locked.ask("/token", "POST", f"token={TOKEN}")[0] == 303
    assert locked.ask("/token", "POST", "token=wrong")[0] == 401
    assert locked.ask("/token", "POST", "token=" + "x" * 10_000)[0] == 413


def test_the_form_has_the_pages_style_and_its_client_stays_unverified(locked):
    with locked.connection() as connection:
        connection.request("GET", "/style.css")
        answer = connection.getresponse()
        assert (answer.status, answer.headers["content-type"]) == (200, "text/css; charset=utf-8")
        assert b"#token" in answer.read()
        assert not any(c._is_verified for c in locked.sink._server.server_state.connections)
        connection.request("GET", "/main.js")
        assert connection.getresponse().status == 401
    assert locked.ask("/style.css", "POST")[0] == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer größe".encode()},
        {"Cookie": f"{COOKIE}=wrong"},
        {"Authorization": f"Basic {TOKEN}", "Cookie": f"{COOKIE}=wrong"},
    ],
)
def test_a_wrong_token_ends_the_connection_and_is_said(locked, headers, capfd):
    status, answered, body = locked.ask("/events", **headers)
    assert (status, answered["connection"]) == (401, "close")
    assert b"Bearer TOKEN" in body
    assert "wrong token from 127.0.0.1" in capfd.readouterr().err


def test_beyond_this_machine_a_token_is_made_and_said_once():
    listen = Listen("0.0.0.0", 0)
    made, other = listen.token(), listen.token()
    assert len(made) >= 32
    assert made != other
    with serve(listen) as served:
        assert "/?token=" in served.said
        assert served.ask("/")[0] == 401
        token = served.url.partition("token=")[2]
        assert served.ask("/", Authorization=f"Bearer {token}")[0] == 200


def test_the_token_of_a_file_is_not_said(locked, tmp_path):
    assert TOKEN not in locked.said
    assert str(tmp_path / "token") in locked.said.replace("\n", "")


def test_a_token_file_is_made_for_its_owner_alone(tmp_path):
    path = tmp_path / "token"
    made = Listen(token_file=str(path)).token()
    assert path.read_text() == made
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Listen(token_file=str(path)).token() == made


def test_a_token_that_is_no_good_is_refused(tmp_path):
    (tmp_path / "short").write_text("abc\n")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe" * 20)
    with pytest.raises(OptionError, match="has 3 characters, expected 16 or more"):
        Listen(token_file=str(tmp_path / "short")).token()
    with pytest.raises(OutputError, match="can't be read"):
        Listen(token_file=str(tmp_path / "bytes")).token()
    with pytest.raises(OutputError, match="can't be written: No such file"):
        Listen(token_file=str(tmp_path / "nowhere" / "token")).token()


def test_another_machines_name_is_refused(served):
    own = socket.gethostname()
    for host in ("127.0.0.1:8080", "localhost", "[::1]:80", own.upper() + ".local:8080", "192.168.1.7"):
        assert served.ask("/healthz", Host=host)[0] == 200, host
    for host in (
        "evil.example", "localhost.evil.example:80", "127.0.0.1.evil.example", f"{own}.evil.example", "",
    ):  # fmt: skip
        assert served.ask("/healthz", Host=host)[0] == 421, host


def test_behind_a_token_any_name_will_do(locked):
    """A proxy has its own; the cookie does not follow a name that was pointed here from elsewhere."""
    ours = {"Host": "cam.example.org", "Authorization": f"Bearer {TOKEN}"}
    assert locked.ask("/healthz", **ours)[0] == 200
    assert locked.ask("/pause", "POST", "off", Origin="https://cam.example.org", **ours)[0] == 200
    assert locked.ask("/pause", "POST", "off", Origin="https://evil.example", **ours)[0] == 403
    assert locked.ask("/healthz", Host="cam.example.org")[0] == 401


def test_another_page_is_refused(served):
    ours = f"http://127.0.0.1:{served.port}"
    assert served.ask("/variant", "POST", "int8", Origin=ours)[0] == 200
    for origin in (
        "http://evil.example",
        "null",
        f"http://127.0.0.1:{served.port + 1}",
        ours + ".evil.example",
    ):
        assert served.ask("/variant", "POST", "float32", Origin=origin)[0] == 403


def test_another_page_may_link_to_this_one_and_use_nothing_of_it(served):
    def ask(path: str, site: str, mode: str) -> int:
        return served.ask(path, **{"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode})[0]

    for site in ("cross-site", "same-site"):
        assert ask("/", site, "navigate") == 200
        assert ask("/api/v1/snapshot.jpg", site, "navigate") == 403
        assert ask("/api/v1/snapshot.jpg", site, "no-cors") == 403
    for site in ("same-origin", "none"):
        assert ask("/api/v1/openapi.json", site, "cors") == 200


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("localhost", True), ("::1", True), ("0.0.0.0", False),
     ("192.168.1.7", False), ("::", False), ("raspberrypi", False)],
)  # fmt: skip
def test_what_is_this_machine_alone(host, loopback):
    assert Listen(host).is_loopback is loopback
    assert (Listen(host).token() is None) is loopback


def test_a_port_that_is_taken_is_said():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OutputError, match=f"port {port}: Address already in use; choose another"):
            Listen(port=port).open()
    with pytest.raises(OutputError, match="can listen at 203.0.113.1"):
        Listen("203.0.113.1", 0).open()
    for host in ("no.such.name", "192.168..7", "x" * 80):
        with pytest.raises(OutputError, match=f"--host {host} is no address"):
            Listen(host).open()


@pytest.mark.parametrize(
    ("host", "shown"), [("127.0.0.1", r"127\.0\.0\.1"), ("::1", r"\[::1\]"), ("0.0.0.0", r"[\w.-]+")]
)
def test_the_address_is_one_that_a_browser_takes(host, shown):
    try:
        sock = Listen(host, 0).open()
    except OutputError:
        pytest.skip(f"{host} can't be listened at here")
    with sock:
        url = Listen(host, 0).url(sock)
    assert re.fullmatch(rf"http://{shown}:\d+/", url)
    assert "0.0.0.0" not in url


def test_guesses_are_limited_and_its_owner_is_not(locked):
    """All of them come from one address here, and from this machine."""
    cookie = locked.ask(f"/?token={TOKEN}")[1]["set-cookie"].partition(";")[0]
    found = [locked.ask("/healthz", Authorization=f"Bearer wrong-{i}")[0] for i in range(30)]
    assert set(found[:10]) == {401}
    assert set(found[-10:]) == {429}
    status, headers, _ = locked.ask("/?token=wrong")
    assert (status, headers["retry-after"]) == (429, "60")
    assert locked.ask("/healthz", Authorization=f"Bearer {TOKEN}")[0] == 200
    assert locked.ask("/healthz", Cookie=cookie)[0] == 200
    assert locked.ask(f"/?token={TOKEN}")[0] == 303


def test_a_cookie_that_is_no_longer_right_is_no_guess(locked):
    """A page that was left open asks again every second."""
    assert {locked.ask("/events", Cookie=f"{COOKIE}=old")[0] for _ in range(30)} == {401}
    assert locked.ask("/?token=wrong")[0] == 401


def test_the_token_itself_is_no_cookie(locked):
    assert locked.ask("/healthz", Cookie=f"{COOKIE}={TOKEN}")[0] == 401


@pytest.mark.parametrize("host", ["cam/token", "cam/?token=x", "a b", "@", "[", "cam:99999"])
def test_the_hosts_name_does_not_change_the_path(locked, host):
    assert locked.ask("/main.js", Host=host, Authorization=f"Bearer {TOKEN}")[0] == 200
    assert locked.ask("/main.js", Host=host)[0] == 401
