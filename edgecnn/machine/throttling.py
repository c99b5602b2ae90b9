"""Whether a Raspberry Pi's firmware slows the processor down, and why."""

from __future__ import annotations

import re

from edgecnn.machine.program import run_program

# https://www.raspberrypi.com/documentation/computers/os.html#get_throttled: now, and since the start.
THROTTLED = {
    0: "under-voltage",
    1: "the clock is limited",
    2: "throttled",
    3: "at the soft limit of temperature",
}
SINCE_START = 16
_ASK_S = 10.0


def ask_throttled(vcgencmd: str) -> tuple[int | None, str]:
    """Ask the firmware through the program `vcgencmd`.

    Returns
    -------
    bits, answer
        The keys of `THROTTLED` as bits, from `SINCE_START` on those since the start; None where the firmware
        does not report them, and then `answer` is what was printed instead.
    """
    code, said, error = run_program([vcgencmd, "get_throttled"], _ASK_S)
    found = re.search(r"throttled=(0x[0-9a-fA-F]+)", said)
    bits = int(found[1], 16) if found and code == 0 else None
    return bits, said.strip() or error.strip() or f"exit code {code}"


def describe_throttling(bits: int) -> tuple[list[str], list[str]]:
    """Return the texts of the current bits, and of those since the machine started."""
    now = [text for bit, text in THROTTLED.items() if bits >> bit & 1]
    before = [text for bit, text in THROTTLED.items() if bits >> (bit + SINCE_START) & 1]
    return now, before
