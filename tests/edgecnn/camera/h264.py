"""Writes H.264 (ITU-T H.264, Annex B) of plain grey, of any size, in a byte a macroblock."""

from __future__ import annotations


class _Bits:
    def __init__(self) -> None:
        self.text = ""

    def put(self, value: int, count: int) -> _Bits:
        self.text += f"{value:0{count}b}"
        return self

    def ue(self, *values: int) -> _Bits:
        """Exp-Golomb codes (9.1); those of signed zeros are the same."""
        for value in values:
            code = f"{value + 1:b}"
            self.text += "0" * (len(code) - 1) + code
        return self

    def unit(self, header: int) -> bytes:
        """Return it as a NAL unit, with its stop bit and emulation prevention (7.3.1)."""
        text = self.text + "1"
        text += "0" * (-len(text) % 8)
        data = int(text, 2).to_bytes(len(text) // 8, "big")
        for last in range(4):
            data = data.replace(bytes([0, 0, last]), bytes([0, 0, 3, last]))
        return b"\0\0\0\1" + bytes([header]) + data


def grey(width: int, height: int, frames: int) -> bytes:
    """Return a stream of key frames; width and height are multiples of 16."""
    columns, rows = width // 16, height // 16
    # Baseline, level 1; sets 0; 16 frame numbers, output in order of decoding, no references.
    sps = _Bits().put(66, 8).put(0, 8).put(10, 8).ue(0, 0, 2, 0).put(0, 1)
    sps.ue(columns - 1, rows - 1).put(1, 1).put(1, 1).put(0, 1).put(0, 1)
    pps = _Bits().ue(0, 0).put(0, 2).ue(0, 0, 0).put(0, 1).put(0, 2).ue(0, 0, 0).put(0, 3)
    head = sps.unit(0x67) + pps.unit(0x68)
    stream = []
    for number in range(frames):
        frame = _Bits().ue(0, 7, 0).put(0, 4).ue(number % 2).put(0, 2).ue(0)
        # Each macroblock: Intra_16x16 of the mean, no residual; chroma of the mean; the same quantizer.
        frame.text += "00100111" * (columns * rows)
        stream.append(head + frame.unit(0x65))
    return b"".join(stream)
