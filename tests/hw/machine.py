"""A whole ARM64 machine with Debian's own kernel, emulated by QEMU: for what needs drivers.

Its root is the userland of `userland.py`, read-only; a folder of this machine is its `/run/work`. A small
init of busybox mounts both, runs one script, leaves its exit code in the folder and switches it off.
"""

from __future__ import annotations

import lzma
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from tests.hw.debian import Apt, unpack
from tests.hw.userland import BUILD, Userland

if TYPE_CHECKING:
    from pathlib import Path

PROGRAMS = ("qemu-system-aarch64", "cpio", "dpkg", "apt-get")
# Loaded by init; cameras' modules are left to the script.
_BASE = ("virtio_pci", "9p", "9pnet_virtio")
# Those of each camera, for a script to load.
_CAMERAS = {"webcam": ("vhci_hcd", "uvcvideo"), "vivid": ("vivid",)}
_INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
mkdir -p /dev/shm /dev/pts; mount -t tmpfs shm /dev/shm; mount -t devpts pts /dev/pts
for module in $(cat /modules/base); do insmod /modules/$module.ko; done
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


@dataclass(frozen=True)
class Machine:
    """Kernel and initial file system, and the userland that it runs."""

    folder: Path
    userland: Userland

    @classmethod
    @cache
    def of(cls, suite: str) -> Machine:
        """Build one, or take what is there; the kernel is bookworm's."""
        userland = Userland.of(suite)
        for part in ("proc", "sys", "dev", "run", "tmp"):
            (userland.root / part).mkdir(exist_ok=True)
        folder = BUILD / "kernel"
        if not (folder / "initrd").exists():
            _build(folder)
        return cls(folder, userland)

    def run(
        self, work: Path, script: str, cpu: str = "cortex-a72", memory: int = 1024, limit_s: int = 600
    ) -> str:
        """Boot, run a shell script with `work` as `/run/work`, and return what the machine printed.

        Raises AssertionError where the script fails or the machine does not end in time.
        """
        (work / "guest.sh").write_text(script)
        (work / "exit").unlink(missing_ok=True)
        command = [
            "qemu-system-aarch64", "-machine", "virt", "-cpu", cpu, "-accel", "tcg,thread=multi", "-smp", "2",
            "-m", str(memory), "-nographic", "-no-reboot", "-nodefaults", "-serial", "stdio",
            "-kernel", self.folder / "vmlinuz", "-initrd", self.folder / "initrd",
            "-append", "console=ttyAMA0 quiet panic=-1",
            *_share("rootfs", self.userland.root, "readonly=on,multidevs=remap"), *_share("work", work),
        ]  # fmt: skip
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=limit_s)
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"not done in {limit_s} s\n{(error.stdout or b'').decode()}") from error
        said = done.stdout.decode("utf-8", "replace")
        code = (work / "exit").read_text().strip() if (work / "exit").exists() else "none"
        assert code == "0", f"exit {code}\n{said}\n{done.stderr.decode()}"
        return said


def _share(name: str, folder: Path, options: str = "") -> list[str]:
    """Give a folder to the machine by 9p."""
    backend = f"local,id={name},path={folder},security_model=none" + (f",{options}" if options else "")
    return ["-fsdev", backend, "-device", f"virtio-9p-pci,fsdev={name},mount_tag={name}"]


def _build(folder: Path) -> None:
    """Unpack the kernel, and make an initial file system of busybox and the modules that are needed."""
    apt = Apt(BUILD, "arm64", "bookworm")
    (name,) = [n for n in apt.depends("linux-image-arm64") if n.startswith("linux-image-")]
    kernel, busybox = apt.fetch(name, "busybox-static")
    shutil.rmtree(folder, ignore_errors=True)
    unpack(kernel, folder / "package")
    unpack(busybox, folder / "busybox")
    root = folder / "root"
    for part in ("bin", "dev", "proc", "sys", "modules", "newroot", "tmp"):
        (root / part).mkdir(parents=True)
    (program,) = [p for p in (folder / "busybox").rglob("busybox") if p.is_file() and p.parent.name == "bin"]
    shutil.copy(program, root / "bin" / "busybox")
    (root / "init").write_text(_INIT)
    (root / "init").chmod(0o755)
    modules = _Modules(folder / "package")
    base = modules.load_order(_BASE)
    orders = {"base": base}
    for camera, names in _CAMERAS.items():
        orders[camera] = [m for m in modules.load_order(names) if m not in base]
    for kind, order in orders.items():
        (root / "modules" / kind).write_text("\n".join(order))
        for module in order:
            (root / "modules" / f"{module}.ko").write_bytes(modules.read(module))
    (image,) = (folder / "package" / "boot").glob("vmlinuz-*")
    shutil.copy(image, folder / "vmlinuz")
    files = "\0".join(str(p.relative_to(root)) for p in [root, *sorted(root.rglob("*"))]).encode()
    packed = subprocess.run(
        ["cpio", "--quiet", "--null", "--create", "--format=newc", "--owner=0:0"],
        input=files, cwd=root, capture_output=True, check=True,
    ).stdout  # fmt: skip
    (folder / "initrd").write_bytes(packed)


class _Modules:
    """The modules of an unpacked kernel package."""

    def __init__(self, package: Path) -> None:
        found = [p for p in package.rglob("*.ko*") if re.search(r"\.ko(\.xz)?$", p.name)]
        self._paths = {p.name.partition(".ko")[0].replace("-", "_"): p for p in found}

    def read(self, name: str) -> bytes:
        """Return a module's file, unpacked."""
        data = self._paths[name].read_bytes()
        return lzma.decompress(data) if self._paths[name].suffix == ".xz" else data

    def load_order(self, names: tuple[str, ...]) -> list[str]:
        """Return these modules behind what they depend on; what is in the kernel itself is left out."""
        order: list[str] = []

        def need(name: str) -> None:
            if name in order or name not in self._paths:
                return
            found = re.search(rb"\0depends=([^\0]*)\0", self.read(name))
            for other in found.group(1).decode().split(",") if found else []:
                need(other.replace("-", "_"))
            order.append(name)

        for name in names:
            need(name)
        return order
