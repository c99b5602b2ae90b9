"""Labelled images in a zip archive, which is never unpacked to a disk and not trusted."""

from __future__ import annotations

import copy
import io
import itertools
import weakref
import zipfile
import zlib
from typing import IO, TYPE_CHECKING

from edgecnn.dataset.items import Item, list_items
from edgecnn.dataset.unpack import unpack, unpacker
from edgecnn.errors import DataError
from edgecnn.image_file import MOST_FILE_BYTES, decode_image, reduction
from edgecnn.regular_file import open_regular

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

# No image that is this large shrinks more when it is packed: zeros do, to a thousandth.
LARGE_BYTES, MOST_RATIO = 16 << 20, 200
# Of the list of members: half a million with names of sixty letters. Python takes 600 bytes for each.
MOST_DIRECTORY_BYTES = 64 << 20
_LOCAL_HEADER_BYTES = 30
_METHODS = {1: "Shrink", 6: "Implode", 9: "Deflate64", 93: "Zstandard", 95: "XZ", 98: "PPMd", 99: "AES"}
_ENCRYPTED = 0x1 | 0x40 | 0x2000


class ZipSource:
    """The layout of a folder inside a zip archive.

    `names` are those of all members.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            file = open_regular(path)
        except OSError as error:
            raise DataError(f"{path} can't be read: {error.strerror}") from error
        # The archive doesn't close what it was given.
        weakref.finalize(self, file.close)
        try:
            self._archive = zipfile.ZipFile(_Wary(file))
        except Exception as error:  # zipfile raises whatever the damaged bytes lead to
            file.close()
            raise DataError(
                f"{path} is a zip archive that can't be read: {error}; pack it again, or unpack it"
            ) from error
        self._members = {info.filename: info for info in self._archive.infolist()}
        self._check(self._archive.infolist())
        self.names = sorted(self._members)
        self.labels, self.items = list_items(self.names, str(path))

    def read(self, item: Item, least: int | None = None) -> NDArray[np.uint8]:
        """Read and decode the member. Raises DataError or ImageError."""
        info = self._members[item.id]
        if why := _why_not(info):
            raise DataError(f"{self._path}: {item.id} {why}")
        try:
            data = self._unpack(info)
        except Exception as error:  # zipfile raises whatever the damaged bytes lead to
            raise DataError(
                f"{self._path}: {item.id} can't be unpacked: {str(error) or 'it is cut off'}; pack it again"
            ) from error
        return decode_image(data, f"{self._path}:{item.id}", reduce=reduction(data, least))

    def _unpack(self, info: zipfile.ZipInfo) -> bytes:
        """Return a member's bytes: zipfile finds them, but what it unpacks with knows no limits."""
        packed = copy.copy(info)
        packed.compress_type, packed.file_size = zipfile.ZIP_STORED, info.compress_size
        del packed.CRC  # it is that of the unpacked bytes
        with self._archive.open(packed) as stream:
            by = unpacker(info.compress_type, info.file_size)
            data = unpack(stream.read, by, info.file_size) if by else stream.read(info.file_size + 1)
        if len(data) != info.file_size:
            raise ValueError(f"it has {len(data):,} bytes of {info.file_size:,}")
        if zlib.crc32(data) != info.CRC:
            raise ValueError("its checksum is wrong")
        return data

    def _check(self, members: list[zipfile.ZipInfo]) -> None:
        """Raise DataError for names that come twice or lead out of the archive, and for shared bytes."""
        if len(self._members) < len(members):
            # A name's last entry is the one in the table.
            twice = next(i.filename for i in members if self._members[i.filename] is not i)
            raise DataError(f"{self._path} has the member {twice!r} twice: pack it again")
        for name in self._members:
            if name.startswith("/") or ".." in name.split("/"):
                raise DataError(f"{self._path}: the member {name!r} leads out of the archive: pack it again")
        ordered = sorted(members, key=lambda i: i.header_offset)
        for one, other in itertools.pairwise(ordered):
            if one.header_offset + _LOCAL_HEADER_BYTES + one.compress_size > other.header_offset:
                raise DataError(
                    f"{self._path}: the members {one.filename!r} and {other.filename!r} share bytes, "
                    "as in archives made to fill memories: pack it again"
                )


def _why_not(info: zipfile.ZipInfo) -> str:
    """Say why a member is not unpacked, as far as its entry tells; an empty text where it is."""
    if info.flag_bits & _ENCRYPTED:
        return "is encrypted: unpack the archive with its password"
    if info.compress_type != zipfile.ZIP_STORED and unpacker(info.compress_type, 0) is None:
        kind = _METHODS.get(info.compress_type, f"method {info.compress_type}")
        return f"is packed with {kind}, expected stored, Deflate, bzip2 or LZMA: pack it again"
    if info.file_size > MOST_FILE_BYTES:
        return f"unpacks to {info.file_size:,} bytes, expected at most {MOST_FILE_BYTES:,}"
    if info.file_size > max(LARGE_BYTES, MOST_RATIO * info.compress_size):
        return (
            f"unpacks from {info.compress_size:,} to {info.file_size:,} bytes, as no image does: "
            "unpack the archive yourself if it is one"
        )
    return ""


class _Wary(io.RawIOBase):
    """A file without long reads: the directory of an archive is one, as long as the archive says."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int | None = -1, /) -> bytes:
        asked = MOST_DIRECTORY_BYTES + 1 if size is None or size < 0 else size
        data = self._file.read(min(asked, MOST_DIRECTORY_BYTES + 1))
        if len(data) > MOST_DIRECTORY_BYTES:
            raise zipfile.BadZipFile(f"its list of members has more than {MOST_DIRECTORY_BYTES:,} bytes")
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True
