"""Where the page listens, and the token that it requires there."""

from __future__ import annotations

import ipaddress
import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

from edgecnn.errors import OptionError, OutputError
from edgecnn.io.regular import read_regular

LEAST_TOKEN = 16
_MOST_TOKEN_BYTES = 4096
STUCK_MS = 30_000


@dataclass(frozen=True, slots=True)
class Listen:
    """The address to listen at; beyond this machine only with a token."""

    host: str = "127.0.0.1"
    port: int = 8080
    token_file: str | None = None

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def token(self) -> str | None:
        """Return the required token, or None. A missing token file is created.

        Raises OptionError for a token that is too short, and OutputError where the file can't be used.
        """
        if self.token_file is None:
            return None if self.is_loopback else secrets.token_urlsafe(24)
        path = Path(self.token_file)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return _read(path)
        except OSError as error:
            raise OutputError(f"{path} can't be written: {error.strerror}") from error
        made = secrets.token_urlsafe(24)
        try:
            with os.fdopen(handle, "w") as file:
                file.write(made)
        except OSError as error:
            path.unlink()
            raise OutputError(f"{path} can't be written: {error.strerror}") from error
        return made

    def open(self) -> socket.socket:
        """Return a listening socket. Raises OutputError."""
        try:
            family, *_, address = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)[0]
        except (OSError, UnicodeError) as error:  # UnicodeError for an impossible name
            reason = getattr(error, "strerror", None) or error
            raise OutputError(f"--host {self.host} is no address of this machine: {reason}") from error
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # A short buffer: images waiting for a slow viewer get old.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 17)
            if hasattr(socket, "TCP_USER_TIMEOUT"):
                # Linux drops a client that reads nothing; closing such a connection would wait for it.
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STUCK_MS)
            sock.bind(address)
            sock.listen(64)
        except OSError as error:
            sock.close()
            raise OutputError(
                f"nothing can listen at {self.host}, port {self.port}: {error.strerror}; "
                "choose another with --host and --port"
            ) from error
        return sock

    def url(self, sock: socket.socket) -> str:
        """Return the page's URL; for 0.0.0.0 with this machine's address in its network."""
        host, port = sock.getsockname()[:2]
        if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
            host = _outward() or socket.gethostname()
        return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _read(path: Path) -> str:
    try:
        token = read_regular(path, _MOST_TOKEN_BYTES).decode("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise OutputError(f"{path} can't be read: {getattr(error, 'strerror', error)}") from error
    if len(token) < LEAST_TOKEN or not token.isascii() or not token.isprintable():
        odd = next((c for c in token if not (c.isascii() and c.isprintable())), None)
        got = f"has {odd!r} in it" if odd else f"has {len(token)} characters"
        raise OptionError(
            f"the token in {path} {got}, expected {LEAST_TOKEN} or more characters, plain ASCII: "
            "delete the file, and a new one is made"
        )
    return token


def _outward() -> str | None:
    """Return this machine's address in its network; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(("192.0.2.1", 9))  # reserved for documentation by RFC 5737
            return str(sock.getsockname()[0])
        except OSError:
            return None
