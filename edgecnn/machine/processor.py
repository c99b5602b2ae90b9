"""Describes the processor: its name, its design, and the instructions that decide the speed of int8.

int8 networks gain most from instructions that multiply and add bytes: VNNI on x86, dot product (`dotprod`)
and matrix multiplication (`i8mm`) on Arm. Virtual machines often hide the processor's name, but never these.
"""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from edgecnn.machine.system_files import read_system_file

if TYPE_CHECKING:
    from collections.abc import Sequence

CPUINFO = Path("/proc/cpuinfo")

# Instruction sets as Linux lists them in /proc/cpuinfo, and their names, the most capable one last.
_INSTRUCTIONS = {
    "sse4_1": "SSE4.1", "avx2": "AVX2", "avx512f": "AVX-512", "avx_vnni": "AVX-VNNI",
    "avx512_vnni": "AVX-512 VNNI", "amx_int8": "AMX-INT8",
    "asimd": "NEON", "asimddp": "dotprod", "i8mm": "i8mm", "sve": "SVE",
}  # fmt: skip
# Those that multiply and add bytes, several at a time, without which int8 gains little.
_FOR_INT8 = {"AVX-VNNI", "AVX-512 VNNI", "AMX-INT8", "dotprod", "i8mm"}
# AMD's families and the models in them, as in Linux' arch/x86/kernel/cpu/amd.c.
_AMD = {
    23: ((0x00, 0x2F, "Zen"), (0x30, 0x4F, "Zen 2"), (0x50, 0x5F, "Zen"), (0x60, 0xAF, "Zen 2")),
    25: ((0x00, 0x0F, "Zen 3"), (0x10, 0x1F, "Zen 4"), (0x20, 0x5F, "Zen 3"), (0x60, 0xAF, "Zen 4")),
    26: ((0x00, 0x4F, "Zen 5"), (0x60, 0x7F, "Zen 5")),
}
# The part numbers of Arm's own cores, from their technical reference manuals (register MIDR_EL1).
_ARM = {
    0xD03: "Cortex-A53", 0xD04: "Cortex-A35", 0xD05: "Cortex-A55", 0xD07: "Cortex-A57", 0xD08: "Cortex-A72",
    0xD09: "Cortex-A73", 0xD0A: "Cortex-A75", 0xD0B: "Cortex-A76", 0xD0C: "Neoverse N1", 0xD40: "Neoverse V1",
    0xD41: "Cortex-A78", 0xD46: "Cortex-A510", 0xD47: "Cortex-A710", 0xD49: "Neoverse N2",
    0xD4F: "Neoverse V2", 0xD80: "Cortex-A520", 0xD81: "Cortex-A720",
}  # fmt: skip


class Processor(NamedTuple):
    """A processor.

    Attributes
    ----------
    name
        As it calls itself, such as `AMD EPYC` or `Cortex-A76`.
    family
        Its design where that is known (`Zen 4`), else the numbers of family and model; empty where the name
        includes it, or where nothing is known.
    instructions
        Which of `AVX2`, `AVX-VNNI`, `AVX-512 VNNI`, `dotprod`, `i8mm` … it has, weakest first.
    """

    name: str
    family: str
    instructions: tuple[str, ...]

    def __str__(self) -> str:
        details = ", ".join(filter(None, (self.family, *self.instructions)))
        return f"{self.name} ({details})" if details else self.name


def lacks_for_int8(instructions: Sequence[str]) -> str:
    """Return which instruction for int8 a processor lacks, `VNNI` or `dotprod`; "" for none."""
    if not instructions or _FOR_INT8 & set(instructions):
        return ""
    return "dotprod" if "NEON" in instructions else "VNNI"


def describe_processor(cpuinfo: str | None = None) -> Processor:
    """Describe this machine's processor, or the one of a text such as `/proc/cpuinfo`."""
    if cpuinfo is None:
        cpuinfo = read_system_file(CPUINFO) or ""
    fields: dict[str, str] = {}
    parts = set()  # several where small and large cores share a chip
    for line in cpuinfo.splitlines():
        key, _, value = (part.strip() for part in line.partition(":"))
        fields.setdefault(key, value)
        if key == "CPU part":
            parts.add(int(value, 16))
    flags = set(f"{fields.get('flags', '')} {fields.get('Features', '')}".split())
    instructions = tuple(name for flag, name in _INSTRUCTIONS.items() if flag in flags)
    if parts:
        cores = [_ARM.get(part, f"Arm part {part:#x}") for part in sorted(parts)]
        return Processor(" + ".join(cores), "", instructions)
    name = fields.get("model name") or platform.processor() or platform.machine() or "unknown"
    return Processor(name, _family(fields), instructions)


def _family(fields: dict[str, str]) -> str:
    try:
        family, model = int(fields["cpu family"]), int(fields["model"])
    except (KeyError, ValueError):
        return ""
    if fields.get("vendor_id") == "AuthenticAMD":
        for first, last, design in _AMD.get(family, ()):
            if first <= model <= last:
                return design
    return f"family {family}, model {model}"
