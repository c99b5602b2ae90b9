"""A whole ARM64 machine with Debian's own kernel, emulated by QEMU: for what needs drivers.

Its root is the userland of `userland.py`, read-only; a folder of this machine is its `/run/work`. A small
init of busybox mounts both, runs one script, leaves its exit code in the folder and switches it off.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from tests.hw.kernel import COUNTED, INIT, VIRT, Kernel, boot, check_exit, share
from tests.hw.userland import Userland

if TYPE_CHECKING:
    from pathlib import Path

_MODULES = ("virtio_pci", "9p", "9pnet_virtio")
_INIT = (
    INIT
    + """
mkdir -p /dev/shm /dev/pts; mount -t tmpfs shm /dev/shm; mount -t devpts pts /dev/pts
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro rootfs /newroot
mount -t proc proc /newroot/proc; mount --bind /sys /newroot/sys; mount --bind /dev /newroot/dev
mount -t tmpfs run /newroot/run
mkdir -p /newroot/run/work /newroot/run/tmp; cp -r /modules /bin /newroot/run/
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=none work /newroot/run/work
ip link set lo up
chroot /newroot /run/bin/busybox env -i TMPDIR=/run/tmp HOME=/run/tmp PATH=/usr/bin:/run/bin LC_ALL=C.UTF-8 \\
    PYTHONPATH=/opt/site PYTHONDONTWRITEBYTECODE=1 /run/bin/busybox sh /run/work/guest.sh
echo $? > /newroot/run/work/exit; umount /newroot/run/work; sync; poweroff -f
"""
)


@dataclass(frozen=True)
class Machine:
    """Kernel and initial file system, and the userland that it runs."""

    kernel: Kernel
    initial: Path
    userland: Userland

    @classmethod
    @cache
    def of(cls, suite: str) -> Machine:
        """Build one, or take what is there; the kernel is bookworm's."""
        userland = Userland.of(suite)
        for part in ("proc", "sys", "dev", "run", "tmp"):
            (userland.root / part).mkdir(exist_ok=True)
        kernel = Kernel.fetched()
        return cls(kernel, kernel.initial("run-script", _INIT, _MODULES), userland)

    def run(
        self,
        work: Path,
        script: str,
        cpu: str = "cortex-a72",
        memory: int = 1024,
        limit_s: int = 600,
        *,
        counted: bool = False,
    ) -> str:
        """Boot, run a shell script with `work` as `/run/work`, and return what the machine printed.

        With `counted` its clock advances by a nanosecond with each instruction: so many nanoseconds in it
        are so many instructions, the same every time.

        Raises AssertionError where the script fails or the machine does not end in time.
        """
        (work / "guest.sh").write_text(script)
        (work / "exit").unlink(missing_ok=True)
        root = share("rootfs", self.userland.root, "readonly=on,multidevs=remap")
        devices = ["-cpu", cpu, "-m", memory, "-no-reboot", *root, *share("work", work)]
        kind = COUNTED if counted else VIRT
        said = boot(self.kernel, self.initial, *map(str, devices), machine=kind, limit_s=limit_s)
        check_exit(work, said)
        return said
