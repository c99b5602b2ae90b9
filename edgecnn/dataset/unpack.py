"""Unpacks untrusted compressed data, in bounded pieces and never beyond the announced size."""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

_PIECE, _MOST_AT_ONCE = 1 << 16, 1 << 20
# zlib's documented maximum; a file of zeros reaches 1 : 1030.
DEFLATE_RATIO = 1032


class Unpacker(Protocol):
    """A decompressor with bounded output."""

    @property
    def eof(self) -> bool:
        """Whether the end of the stream was reached; not every format marks it."""
        ...

    @property
    def needs_input(self) -> bool:
        """Whether it needs more input to produce output."""
        ...

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Unpack at most `max_length` bytes from `data` and the remaining input."""
        ...


class Deflated:
    """Raw deflate, with the interface of Python's other decompressors."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(-15)

    @property
    def eof(self) -> bool:
        """Whether the end of the stream was reached."""
        return self._stream.eof

    @property
    def needs_input(self) -> bool:
        """Whether all input is used up."""
        return not self._stream.unconsumed_tail

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Unpack at most `max_length` bytes; the rest of `data` is kept."""
        return self._stream.decompress(self._stream.unconsumed_tail + data, max_length)


class ZipLzma:
    """LZMA as in zip archives: two bytes of version, two of length, then the properties (APPNOTE 5.8.8).

    `size` is the unpacked size: the dictionary need not be larger, whatever the header asks for.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._head = b""
        self._stream: lzma.LZMADecompressor | None = None

    @property
    def eof(self) -> bool:
        """Whether the end of the stream was marked; it need not be."""
        return self._stream is not None and self._stream.eof

    @property
    def needs_input(self) -> bool:
        """Whether all input is used up."""
        return self._stream is None or self._stream.needs_input

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Unpack at most `max_length` bytes."""
        if self._stream is None:
            self._head += data
            length = 4 + int.from_bytes(self._head[2:4], "little")
            if len(self._head) < max(4, length):
                return b""
            self._stream = lzma.LZMADecompressor(
                lzma.FORMAT_RAW, filters=[_lzma_filter(self._head[4:length], self._size)]
            )
            data = self._head[length:]
        return self._stream.decompress(data, max_length)


def _lzma_filter(properties: bytes, size: int) -> dict[str, Any]:
    if len(properties) != 5 or properties[0] >= 9 * 5 * 5:
        raise lzma.LZMAError("its LZMA properties are damaged")
    rest, lc = divmod(properties[0], 9)
    pb, lp = divmod(rest, 5)
    asked = int.from_bytes(properties[1:], "little")
    return {
        "id": lzma.FILTER_LZMA1, "lc": lc, "lp": lp, "pb": pb,
        "dict_size": max(4096, min(asked, size)),
    }  # fmt: skip


def unpacker(method: int, size: int) -> Unpacker | None:
    """Return a decompressor for a zip archive's method and unpacked size; None for an unknown method."""
    makers: dict[int, Callable[[], Unpacker]] = {
        8: Deflated, 12: bz2.BZ2Decompressor, 14: lambda: ZipLzma(size)
    }  # fmt: skip
    return makers[method]() if method in makers else None


def unpack(read: Callable[[int], bytes], by: Unpacker, size: int) -> bytes:
    """Unpack a stream to exactly `size` bytes.

    Raises
    ------
    ValueError
        Where it unpacks to more or fewer bytes.
    zlib.error, lzma.LZMAError, OSError, EOFError
        Where it is damaged.
    """
    whole = io.BytesIO()
    while not by.eof and whole.tell() <= size:
        wanting = by.needs_input
        packed = read(_PIECE) if wanting else b""
        piece = by.decompress(packed, min(_MOST_AT_ONCE, size + 1 - whole.tell()))
        whole.write(piece)
        if wanting and not (packed or piece):
            break
    if whole.tell() != size:
        found = "more" if whole.tell() > size else "fewer"
        raise ValueError(f"it unpacks to {found} than the {size:,} bytes that were announced")
    return whole.getvalue()
