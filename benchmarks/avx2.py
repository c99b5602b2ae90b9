"""Runs a Python command as on x86 without AVX-512 and VNNI: `python -m benchmarks.avx2 -m edgecnn bench`.

LiteRT and OpenVINO ask the processor by the instruction CPUID. In copies of their libraries it is replaced by
an instruction that no processor has, and a signal handler answers in its place, without these features. So
both run the kernels that they would run there; clock, caches and memory stay those of this machine, and
reports name its own processor. pytest needs `-p no:faulthandler`, which handles the same signal. Needs gcc,
objdump and readelf.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edgecnn-benchmarks" / "avx2"
LIBRARIES = {
    "ai_edge_litert": ["libpywrap_litert_common.so"],
    "openvino": ["libs/libopenvino.so.*", "libs/libopenvino_intel_cpu_plugin.so", "libs/libtbb.so.12"],
}
_ENV = ("/usr/bin/env",)
CPUID, NO_INSTRUCTION = b"\x0f\xa2", b"\x0f\x0b"
# Bits of leaf 7 (Intel's and AMD's manuals, CPUID): AVX-512, VNNI, AVX-VNNI, AMX, GFNI.
HANDLER = r"""
#define _GNU_SOURCE
#include <cpuid.h>
#include <signal.h>
#include <ucontext.h>
static void answer(int number, siginfo_t *info, void *context) {
  greg_t *at = ((ucontext_t *)context)->uc_mcontext.gregs;
  const unsigned char *code = (const unsigned char *)at[REG_RIP];
  if (code[0] != 0x0f || code[1] != 0x0b) { signal(number, SIG_DFL); raise(number); return; }
  unsigned leaf = at[REG_RAX], part = at[REG_RCX], a, b, c, d;
  __cpuid_count(leaf, part, a, b, c, d);
  if (leaf == 7 && part == 0) { b &= ~0xdc230000u; c &= ~0x5942u; d &= ~0x3c0010cu; }
  if (leaf == 7 && part == 1) { a &= ~0xa00030u; d = 0; }
  at[REG_RAX] = a; at[REG_RBX] = b; at[REG_RCX] = c; at[REG_RDX] = d; at[REG_RIP] += 2;
}
__attribute__((constructor)) static void install(void) {
  struct sigaction action = {0};
  action.sa_sigaction = answer;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(SIGILL, &action, 0);
}
"""


def main(arguments: list[str]) -> int:
    """Make the copies where they are missing, and run the command with them."""
    if not arguments:
        sys.exit("give what Python is to run: python -m benchmarks.avx2 -m edgecnn bench")
    handler = make()
    paths = os.pathsep.join([str(CACHE), *filter(None, [os.environ.get("PYTHONPATH")])])
    # What edgecnn remembers of this machine would be wrong with VNNI, and the other way round.
    environment = {"LD_PRELOAD": str(handler), "PYTHONPATH": paths, "XDG_CACHE_HOME": str(CACHE / "cache")}
    return subprocess.run(
        [sys.executable, *arguments], env={**os.environ, **environment}, check=False
    ).returncode


def make() -> Path:
    """Return the compiled handler, next to copies of the packages without CPUID."""
    handler = CACHE / "handler.so"
    if handler.exists():
        return handler
    shutil.rmtree(CACHE, ignore_errors=True)
    for name, patterns in LIBRARIES.items():
        found = importlib.util.find_spec(name)
        if found is None or found.origin is None:
            continue
        shutil.copytree(Path(found.origin).parent, CACHE / name)
        hide(CACHE / name, patterns)
    return make_handler(CACHE)


def make_handler(folder: Path) -> Path:
    """Compile the handler, for LD_PRELOAD, and return its path in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "handler.c").write_text(HANDLER)
    fresh = folder / "fresh.so"
    subprocess.run([*_ENV, "gcc", "-O1", "-shared", "-fPIC", "-o", fresh, folder / "handler.c"], check=True)
    return fresh.rename(folder / "handler.so")


def hide(folder: Path, patterns: Iterable[str]) -> None:
    """Replace every CPUID of the libraries in a folder that match the patterns, in place."""
    for pattern in patterns:
        for path in sorted(folder.glob(pattern)):
            print(f"{path.name}: {replace_cpuid(path)} times CPUID", file=sys.stderr)


def replace_cpuid(path: Path) -> int:
    """Replace every CPUID of a library's code, and return how many there were."""
    headers = subprocess.run(
        [*_ENV, "readelf", "-lW", path], capture_output=True, text=True, check=True
    ).stdout
    loads = [line.split() for line in headers.splitlines() if line.split()[:1] == ["LOAD"]]
    segments = [(int(part[2], 16), int(part[1], 16), int(part[4], 16)) for part in loads]
    content, count = bytearray(path.read_bytes()), 0
    listing = [*_ENV, "objdump", "-d", "--no-show-raw-insn", path]
    with subprocess.Popen(listing, stdout=subprocess.PIPE, text=True) as program:
        for line in program.stdout or ():
            if not line.rstrip().endswith("\tcpuid"):
                continue
            address = int(line.partition(":")[0], 16)
            start, offset, _ = next(s for s in segments if s[0] <= address < s[0] + s[2])
            place = address - start + offset
            if content[place : place + 2] == CPUID:
                content[place : place + 2] = NO_INSTRUCTION
                count += 1
    path.write_bytes(content)
    return count


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
