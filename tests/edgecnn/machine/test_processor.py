"""Processors by what /proc/cpuinfo says of them."""

import pytest

from edgecnn.machine.processor import describe_processor, lacks_for_int8

X86 = """processor\t: 0
vendor_id\t: {vendor}
cpu family\t: {family}
model\t\t: {model}
model name\t: {name}
flags\t\t: fpu sse4_1 {flags}
"""
ARM = "processor\t: 0\nFeatures\t: fp asimd {flags}\nCPU implementer\t: 0x41\nCPU part\t: {part}\n\n"


@pytest.mark.parametrize(
    ("vendor", "family", "model", "flags", "said"),
    [
        ("AuthenticAMD", 25, 17, "avx2 avx512f avx512_vnni", "Zen 4, SSE4.1, AVX2, AVX-512, AVX-512 VNNI"),
        ("AuthenticAMD", 25, 1, "avx2", "Zen 3, SSE4.1, AVX2"),
        ("AuthenticAMD", 23, 49, "avx2", "Zen 2, SSE4.1, AVX2"),
        ("AuthenticAMD", 23, 1, "avx2", "Zen, SSE4.1, AVX2"),
        ("AuthenticAMD", 26, 2, "avx2 avx_vnni", "Zen 5, SSE4.1, AVX2, AVX-VNNI"),
        ("AuthenticAMD", 99, 2, "", "family 99, model 2, SSE4.1"),
        ("GenuineIntel", 6, 143, "avx2 avx512_vnni amx_int8",
         "family 6, model 143, SSE4.1, AVX2, AVX-512 VNNI, AMX-INT8"),
    ],
)  # fmt: skip
def test_x86(vendor, family, model, flags, said):
    text = X86.format(vendor=vendor, family=family, model=model, flags=flags, name="Any")
    assert str(describe_processor(text)) == f"Any ({said})"


@pytest.mark.parametrize(
    ("cores", "flags", "said"),
    [
        (["0xd03"] * 4, "", "Cortex-A53 (NEON)"),
        (["0xd08"] * 4, "", "Cortex-A72 (NEON)"),
        (["0xd0b"] * 4, "asimddp", "Cortex-A76 (NEON, dotprod)"),
        (["0xd05", "0xd41"], "asimddp i8mm", "Cortex-A55 + Cortex-A78 (NEON, dotprod, i8mm)"),
        (["0xfff"], "", "Arm part 0xfff (NEON)"),
    ],
)
def test_arm(cores, flags, said):
    text = "".join(ARM.format(part=part, flags=flags) for part in cores)
    assert str(describe_processor(text)) == said


def test_this_machine_and_one_that_says_nothing():
    assert describe_processor().name
    assert describe_processor("").name
    assert describe_processor("").instructions == ()


@pytest.mark.parametrize(
    ("instructions", "lacks"),
    [
        ((), ""),
        (("SSE4.1",), "VNNI"),
        (("SSE4.1", "AVX2", "AVX-512"), "VNNI"),
        (("SSE4.1", "AVX2", "AVX-VNNI"), ""),
        (("SSE4.1", "AVX2", "AVX-512", "AVX-512 VNNI"), ""),
        (("NEON",), "dotprod"),
        (("NEON", "dotprod"), ""),
    ],
)
def test_what_int8_needs(instructions, lacks):
    assert lacks_for_int8(instructions) == lacks
