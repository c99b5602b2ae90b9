"""Masks the secrets in an address: user names, passwords, tokens, keys.

Addresses of cameras often hold them (`rtsp://user:password@host/`, `http://host/?token=…`). Opening
a camera needs the whole address; everywhere else it is shown by `mask_secrets`.
"""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_MASK = "***"
# Patterns are texts, compiled where they are used: a run without addresses needs none of them.
# A user and a password in front of a host, without a scheme.
_NO_SCHEME = r"(?<![^\s,'\"(])[^\s/@:,'\"(]+:[^\s/@]+(?=@[\w\[])"
# An address that was treated as a path has lost a slash.
_SCHEME = r"(?i)[a-z][a-z0-9+.-]*://|\b(https?|rtsps?|rtmps?|srt|ftp):/"
# A host, perhaps with its port, and no user before it.
_PLAIN_HOST = r"(\[[^\s\]/@]*\]|[^\s:/?#@]*)(:\d{1,5})?:?(?=[/?#\s,;)\]'\"`]|$)"
# A password that was not percent-encoded may hold any character: all up to the last `@` counts as part of it,
# and up to the next one where it has spaces.
_USER = r"((?:(?!://)\S)*)@|([^@\n]*)@"
# Also in paths: some recorders want `/user=admin&password=…`.
_PAIR = r"(?<=[?&#/;])([^\s=?&#/]+)=([^\s?&#]*)"
_SENSITIVE = (
    r"(?i)pas|pwd|pw$|psk|user|usr|login|account|token|key|secret|auth|sig|cred|sess|sid$|jwt|code$|otp|pin$"
)
_PUNCTUATION = ":,;.)]'\"`>"


def mask_secrets(text: str) -> str:
    """Return a text with `***` for each user name, password, token and key of the URLs in it.

    Other texts, and masked ones, stay as they are.
    """
    if "@" in text:
        text = re.sub(_NO_SCHEME, _MASK, text)
    if ":/" not in text:
        return text
    shown, at = [], 0
    for start, end in _secrets(text):
        shown += [text[at:start], _MASK]
        at = end
    return "".join([*shown, text[at:]])


def hide_arguments() -> None:
    """Overwrite the secrets in this process's command line, which every user of the machine can read.

    `sys.argv` keeps them. Does nothing where the system has no `/proc`.
    """
    if not any("://" in argument for argument in sys.argv):
        return
    with suppress(OSError, ValueError, IndexError):
        # proc_pid_stat(5): where the arguments lie; the name before may hold spaces and brackets.
        fields = Path("/proc/self/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        begin, end = int(fields[45]), int(fields[46])
        with open("/proc/self/mem", "r+b", buffering=0) as memory:  # noqa: PTH123 - next to its seek
            memory.seek(begin)
            line = memory.read(end - begin)
            hidden = b"\0".join(map(_hide, line.split(b"\0")))
            if line == Path("/proc/self/cmdline").read_bytes() and len(hidden) == len(line):
                memory.seek(begin)
                memory.write(hidden)


def _hide(argument: bytes) -> bytes:
    """Return an argument of the same length, with asterisks for secrets."""
    text = argument.decode("latin-1")  # a character for each byte
    for start, end in _secrets(text):
        text = text[:start] + "*" * (end - start) + text[end:]
    return text.encode("latin-1")


def _secrets(text: str) -> Iterator[tuple[int, int]]:
    """Yield the start and end of each secret, in order."""
    from urllib.parse import unquote  # most runs name no URL

    done = 0
    for scheme in re.finditer(_SCHEME, text):
        if (at := scheme.end()) < done:
            continue
        user = None if re.compile(_PLAIN_HOST).match(text, at) else re.compile(_USER).match(text, at)
        if user is not None:
            yield at, user.end() - 1
            at = user.end()
        following = re.compile(r"\s|$|[a-z][a-z0-9+.-]*://", re.IGNORECASE).search(text, at)
        done = following.start() if following else len(text)
        for pair in re.compile(_PAIR).finditer(text, at, done):
            start, end = pair.span(2)
            if end == done:
                end = start + len(pair[2].rstrip(_PUNCTUATION))
            if start < end and re.search(_SENSITIVE, unquote(pair[1])):
                yield start, end
