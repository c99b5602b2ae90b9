"""Labelled images in an untrusted zip archive, which is never unpacked to the disk."""

from __future__ import annotations

import copy
import errno
import hashlib
import io
import itertools
import os
import struct
import weakref
import zipfile
import zlib
from contextlib import suppress
from typing import IO, TYPE_CHECKING

from edgecnn.dataset.items import Item, list_items
from edgecnn.dataset.unpack import Deflated, unpack, unpacker
from edgecnn.errors import DataError
from edgecnn.image.file import MOST_FILE_BYTES, decode_reduced
from edgecnn.image.names import PEEK_BYTES
from edgecnn.image.turns import take_turn
from edgecnn.io.regular import open_regular

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from edgecnn.bundle.input_spec import Background
    from edgecnn.dataset.layout import LayoutName

# No image of this size compresses better; zeros do, to a thousandth.
LARGE_BYTES, MOST_RATIO = 16 << 20, 200
# The list of members: half a million with names of sixty letters. Python takes 600 bytes for each.
MOST_DIRECTORY_BYTES = 64 << 20
_LOCAL_HEADER_BYTES = 30
# Enough packed bytes to inflate the first bytes of a member.
_PEEK_PACKED = 1 << 10
_DAMAGED = (OSError, ValueError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error, struct.error)
_METHODS = {1: "Shrink", 6: "Implode", 9: "Deflate64", 93: "Zstandard", 95: "XZ", 98: "PPMd", 99: "AES"}
_ENCRYPTED, _UTF8 = 0x1 | 0x40 | 0x2000, 0x800


class ZipSource:
    """The layout of a folder inside a zip archive.

    `notes` are lines for the user; `foreign` are members of unsupported image formats, by kind.
    """

    background: Background = "white"

    def __init__(self, path: Path, layout: LayoutName = "auto") -> None:
        self._path = path
        try:
            file = open_regular(path)
        except OSError as error:
            raise DataError(f"{path} can't be read: {error.strerror}") from error
        # The archive doesn't close a file that was passed to it.
        weakref.finalize(self, file.close)
        try:
            self._archive = zipfile.ZipFile(_BoundedReads(file))
        except Exception as error:  # zipfile raises any exception for damaged bytes
            file.close()
            raise DataError(
                f"{path} is a zip archive that can't be read: {error}; pack it again, or unpack it"
            ) from error
        members = self._archive.infolist()
        self._members = self._by_name(members)
        self._check_bytes(members)
        listed = list_items(sorted(self._members), str(path), self._peek, layout)
        self.labels, self.items, self.foreign = listed.labels, listed.items, listed.foreign
        self.notes = listed.notes
        if all(self._members[item.id].flag_bits & _ENCRYPTED for item in self.items):
            raise DataError(f"{path} is encrypted: unpack it with its password, and give the folder")

    def read(self, item: Item, least: int | None = None) -> NDArray[np.uint8]:
        """Read and decode the member. Raises DataError or ImageError."""
        data = self._content(item)
        return decode_reduced(data, f"{self._path}:{item.id}", least, background=self.background)[0]

    def digest(self, item: Item) -> bytes:
        """Return the SHA-256 of the unpacked member. Raises DataError."""
        return hashlib.sha256(self._content(item)).digest()

    def _content(self, item: Item) -> bytes:
        info = self._members[item.id]
        if why := _why_not(info):
            raise DataError(f"{self._path}: {item.id} {why}")
        take_turn(info.file_size)
        try:
            return self._unpack(info)
        except Exception as error:  # zipfile raises any exception for damaged bytes
            raise DataError(
                f"{self._path}: {item.id} can't be unpacked: {str(error) or 'it is truncated'}; pack it again"
            ) from error

    def _unpack(self, info: zipfile.ZipInfo) -> bytes:
        """Return a member's bytes: zipfile finds them, but its decompressors have no limits."""
        with self._open_packed(info) as stream:
            by = unpacker(info.compress_type, info.file_size)
            data = unpack(stream.read, by, info.file_size) if by else stream.read(info.file_size + 1)
        if len(data) != info.file_size:
            raise ValueError(f"it has {len(data):,} bytes of {info.file_size:,}")
        if zlib.crc32(data) != info.CRC:
            raise ValueError("its checksum is wrong")
        return data

    def _open_packed(self, info: zipfile.ZipInfo) -> IO[bytes]:
        """Open a member's packed bytes."""
        packed = copy.copy(info)
        packed.compress_type, packed.file_size = zipfile.ZIP_STORED, info.compress_size
        del packed.CRC  # it is the checksum of the unpacked bytes
        return self._archive.open(packed)

    def _peek(self, name: str) -> bytes:
        """Return a member's first bytes; empty where the method is not Deflate."""
        info = self._members[name]
        by = unpacker(info.compress_type, PEEK_BYTES)
        if info.flag_bits & _ENCRYPTED or not (
            info.compress_type == zipfile.ZIP_STORED or isinstance(by, Deflated)
        ):
            return b""
        try:
            packed = self._open_packed(info).read(_PEEK_PACKED)
            return by.decompress(packed, PEEK_BYTES) if by else packed
        except _DAMAGED:  # reading the member reports it
            return b""

    def _by_name(self, members: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
        """Return the members by their paths with / between.

        Raises DataError for a name that points outside the archive, and for a name of two different files.
        """
        found: dict[str, zipfile.ZipInfo] = {}
        for info in members:
            name = _path(info)
            if name.startswith("/") or ".." in name.split("/"):
                raise DataError(
                    f"{self._path}: the member {name!r} points outside the archive: pack it again"
                )
            other = found.setdefault(name, info)
            if other is not info and (other.CRC, other.file_size) != (info.CRC, info.file_size):
                raise DataError(
                    f"{self._path} has the member {name!r} twice, with different contents: pack it again"
                )
        return found

    def _check_bytes(self, members: list[zipfile.ZipInfo]) -> None:
        """Raise DataError for members that share bytes."""
        ordered = sorted(members, key=lambda i: i.header_offset)
        for one, other in itertools.pairwise(ordered):
            if one.header_offset + _LOCAL_HEADER_BYTES + one.compress_size > other.header_offset:
                raise DataError(
                    f"{self._path}: the members {one.filename!r} and {other.filename!r} share bytes, "
                    "as in archives made to exhaust memory: pack it again"
                )


def _path(info: zipfile.ZipInfo) -> str:
    """Return a member's path: as UTF-8 where it is valid, with / between its parts, and without `.`.

    Windows writes backslashes, macOS UTF-8 without its flag, and `zip -r x.zip ./photos` a leading `./`.
    """
    name = info.filename
    if not info.flag_bits & _UTF8:
        # zipfile decoded it as code page 437, in which any bytes are valid.
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    name = name.replace("\\", "/")
    end = "/" if name.endswith("/") else ""
    absolute = "/" if name.startswith("/") else ""
    return absolute + "/".join(part for part in name.split("/") if part not in ("", ".")) + end


def _why_not(info: zipfile.ZipInfo) -> str:
    """Return why a member is not unpacked, from its entry; "" where it is."""
    if info.flag_bits & _ENCRYPTED:
        return "is encrypted: unpack the archive with its password"
    if info.compress_type != zipfile.ZIP_STORED and unpacker(info.compress_type, 0) is None:
        kind = _METHODS.get(info.compress_type, f"method {info.compress_type}")
        return f"is packed with {kind}, expected stored, Deflate, bzip2 or LZMA: pack it again"
    if info.file_size > MOST_FILE_BYTES:
        return f"unpacks to {info.file_size:,} bytes, expected at most {MOST_FILE_BYTES:,}"
    if info.file_size > max(LARGE_BYTES, MOST_RATIO * info.compress_size):
        return (
            f"unpacks from {info.compress_size:,} to {info.file_size:,} bytes, more than an image would: "
            "unpack the archive yourself if it is one"
        )
    return ""


class _BoundedReads(io.RawIOBase):
    """A file that refuses long reads: an archive states the length of its own directory.

    The position is its own: a file's own position is one for all processes that are forked.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._at = 0

    def read(self, size: int | None = -1, /) -> bytes:
        asked = MOST_DIRECTORY_BYTES + 1 if size is None or size < 0 else size
        data = os.pread(self._file.fileno(), min(asked, MOST_DIRECTORY_BYTES + 1), self._at)
        if len(data) > MOST_DIRECTORY_BYTES:
            raise zipfile.BadZipFile(f"its list of members has more than {MOST_DIRECTORY_BYTES:,} bytes")
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        if whence != io.SEEK_SET:
            offset += self._at if whence == io.SEEK_CUR else os.fstat(self._file.fileno()).st_size
        if offset < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self._at = offset
        return offset

    def tell(self) -> int:
        return self._at

    def seekable(self) -> bool:
        return True
