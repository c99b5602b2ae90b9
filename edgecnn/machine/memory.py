"""The memory limit of this process: the machine's, its container's or its shell's."""

from __future__ import annotations

import os
import resource
from functools import cache
from pathlib import Path


@cache
def memory_limit() -> int:
    """Return the most bytes that this process can allocate, read once."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), *_cgroup_limits()]
    for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
        soft, _ = resource.getrlimit(kind)
        if soft != resource.RLIM_INFINITY:
            limits.append(soft)
    return min(limits)


def _cgroup_limits() -> list[int]:
    """Return the limits of this process's control groups (Linux, cgroup v2), from its own to the root."""
    try:
        group = Path("/proc/self/cgroup").read_text("utf-8").rpartition("0::/")[2].strip()
    except OSError:
        return []
    found = []
    here = Path("/sys/fs/cgroup") / group
    for folder in (here, *here.parents):
        try:
            found.append(int((folder / "memory.max").read_text("utf-8")))
        except (OSError, ValueError):  # missing, or "max"
            continue
    return found
