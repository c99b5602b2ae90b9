"""PBM, PGM, PPM, PAM and PFM (https://netpbm.sourceforge.net/doc/): their text header, and the samples."""

from __future__ import annotations

import re

from edgecnn.image.header import OVERHEAD, PER_PIXEL, Claim, HeaderError

MOST_HEADER = 1 << 16
# PFM is decoded as 32-bit floats.
_FLOAT = 25
_GAP = rb"(?:\s|#[^\r\n]*[\r\n])*+"
_SIZE = re.compile(rb"P[1-6]" + _GAP + rb"(\d{1,10})" + _GAP + rb"(\d{1,10})")
_MAXIMUM = re.compile(_GAP + rb"(\d{1,10})")
_FIELD = re.compile(rb"^(WIDTH|HEIGHT|DEPTH|MAXVAL)[ \t]+(\d{1,10})[ \t\r]*$", re.MULTILINE)
_FLOATS = re.compile(rb"P[Ff]\s+(\d{1,10})\s+(\d{1,10})\s+([-+.\deE]{1,20})\s")


def read(data: bytes | bytearray, _: int) -> Claim:
    """Read the header of any of them; see `read_claim`."""
    kind, head = bytes(data[1:2]), bytes(data[:MOST_HEADER])
    if kind == b"7":
        return _pam(head, len(data))
    if kind in b"Ff":
        if not (found := _FLOATS.match(head)):
            raise HeaderError("is a PFM image without a size: it is damaged")
        width, height = int(found[1]), int(found[2])
        _enough(width, height, width * height * (12 if kind == b"F" else 4), len(data))
        return Claim(width, height, _FLOAT * width * height + OVERHEAD, bounded=False)
    if not (found := _SIZE.match(head)):
        raise HeaderError("is a PNM image without a size: it is damaged")
    width, height = int(found[1]), int(found[2])
    maximum = 1 if kind in b"14" else int(m[1]) if (m := _MAXIMUM.match(head, found.end())) else 0
    samples = width * height * (3 if kind in b"36" else 1)
    needed = {b"1": samples, b"2": 2 * samples - 1, b"3": 2 * samples - 1, b"4": (width + 7) // 8 * height}
    _enough(width, height, needed.get(kind, samples * (2 if maximum > 255 else 1)), len(data))
    return Claim(width, height, int(PER_PIXEL * width * height) + OVERHEAD, bounded=True)


def _pam(head: bytes, size: int) -> Claim:
    fields = {name: int(value) for name, value in _FIELD.findall(head.partition(b"ENDHDR")[0])}
    try:
        width, height = fields[b"WIDTH"], fields[b"HEIGHT"]
        sample = fields[b"DEPTH"] * (2 if fields[b"MAXVAL"] > 255 else 1)
    except KeyError as error:
        raise HeaderError(f"is a PAM image without {error.args[0].decode()}: it is damaged") from error
    _enough(width, height, width * height * sample, size)
    memory = width * height * (PER_PIXEL + 2 * sample)
    return Claim(width, height, int(memory) + OVERHEAD, bounded=False)


def _enough(width: int, height: int, needed: int, there: int) -> None:
    if needed > there:
        raise HeaderError(
            f"is a PNM image that is truncated: {width:,}×{height:,} pixels take {needed:,} bytes or more, "
            f"{there:,} exist: copy it again"
        )
