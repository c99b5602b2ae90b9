"""Debian's ARM64 kernel and initial file systems for it, and QEMU's machine that boots them."""

from __future__ import annotations

import lzma
import re
import shutil
import subprocess
from functools import cache
from typing import TYPE_CHECKING

from tests.hw.debian import Apt, unpack
from tests.hw.userland import BUILD

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

PROGRAMS = ("qemu-system-aarch64", "cpio", "dpkg", "apt-get")
# Of each camera, for a script to load.
CAMERAS = {"webcam": ("vhci_hcd", "uvcvideo"), "vivid": ("vivid",)}
VIRT = ("-machine", "virt", "-accel", "tcg,thread=multi", "-smp", "2", "-nodefaults")
# Counts instructions, which needs all of them in one thread; so does its clock: one is a nanosecond.
COUNTED = ("-machine", "virt", "-accel", "tcg", "-icount", "shift=0,sleep=off", "-nodefaults")
# The beginning of every init: the programs of busybox, and the kernel's file systems.
INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
for module in $(cat /modules/base); do insmod /modules/$module.ko; done
"""


class Kernel:
    """Bookworm's kernel package and busybox, unpacked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        if not (folder / "vmlinuz").exists():
            shutil.rmtree(folder, ignore_errors=True)
            apt = Apt(BUILD, "arm64", "bookworm")
            (name,) = [n for n in apt.depends("linux-image-arm64") if n.startswith("linux-image-")]
            kernel, busybox = apt.fetch(name, "busybox-static")
            unpack(kernel, folder / "package")
            unpack(busybox, folder / "busybox")
            (image,) = (folder / "package" / "boot").glob("vmlinuz-*")
            shutil.copy(image, folder / "vmlinuz")
        self.image = folder / "vmlinuz"
        self.package = folder / "package"
        found = [p for p in (folder / "package").rglob("*.ko*") if re.search(r"\.ko(\.xz)?$", p.name)]
        self._modules = {p.name.partition(".ko")[0].replace("-", "_"): p for p in found}

    @classmethod
    @cache
    def fetched(cls) -> Kernel:
        """Fetch it, or take what is there."""
        return cls(BUILD / "kernel")

    def initial(self, name: str, init: str, base: Iterable[str]) -> Path:
        """Make an initial file system of an init, busybox, these modules and those of the cameras.

        `/modules/base`, `/modules/webcam` and so on name modules in the order in which to load them.
        """
        root = self._folder / name
        shutil.rmtree(root, ignore_errors=True)
        for part in ("bin", "dev", "proc", "sys", "modules", "newroot", "tmp"):
            (root / part).mkdir(parents=True)
        (program,) = [
            p for p in (self._folder / "busybox").rglob("busybox") if p.is_file() and p.parent.name == "bin"
        ]
        shutil.copy(program, root / "bin" / "busybox")
        (root / "init").write_text(init)
        (root / "init").chmod(0o755)
        for kind, order in self._orders(tuple(base), CAMERAS).items():
            (root / "modules" / kind).write_text("\n".join(order))
            for module in order:
                (root / "modules" / f"{module}.ko").write_bytes(self._read(module))
        return self._pack(root)

    def _pack(self, root: Path) -> Path:
        files = "\0".join(str(p.relative_to(root)) for p in [root, *sorted(root.rglob("*"))]).encode()
        archive = self._folder / f"{root.name}.cpio"
        with archive.open("wb") as output:
            subprocess.run(
                ["cpio", "--quiet", "--null", "--create", "--format=newc", "--owner=0:0"],
                input=files, cwd=root, stdout=output, check=True,
            )  # fmt: skip
        return archive

    def _orders(self, base: tuple[str, ...], more: Mapping[str, tuple[str, ...]]) -> dict[str, list[str]]:
        orders = {"base": self._load_order(base)}
        for name, modules in more.items():
            orders[name] = [m for m in self._load_order(modules) if m not in orders["base"]]
        return orders

    def _read(self, name: str) -> bytes:
        """Return a module's file, unpacked."""
        data = self._modules[name].read_bytes()
        return lzma.decompress(data) if self._modules[name].suffix == ".xz" else data

    def _load_order(self, names: tuple[str, ...]) -> list[str]:
        """Return these modules behind what they depend on; what is in the kernel itself is left out."""
        order: list[str] = []

        def need(name: str) -> None:
            if name in order or name not in self._modules:
                return
            found = re.search(rb"\0depends=([^\0]*)\0", self._read(name))
            for other in found.group(1).decode().split(",") if found else []:
                need(other.replace("-", "_"))
            order.append(name)

        for name in names:
            need(name)
        return order


def boot(
    kernel: Kernel, initial: Path, *devices: object, machine: Iterable[object] = VIRT, limit_s: int = 600
) -> str:
    """Boot a machine, wait until it switches itself off, and return what it printed.

    Raises AssertionError where it does not end in time.
    """
    command = [
        "qemu-system-aarch64", *machine, *devices, "-nographic", "-monitor", "none", "-serial", "stdio",
        "-kernel", kernel.image, "-initrd", initial,
        "-append", "console=ttyAMA0 console=ttyAMA1,115200 quiet panic=-1 net.ifnames=0",
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=limit_s,
        )
    except subprocess.TimeoutExpired as error:
        said = (error.stdout or b"").decode("utf-8", "replace")
        raise AssertionError(f"not done in {limit_s} s\n{said}") from error
    return done.stdout.decode("utf-8", "replace")


def check_exit(work: Path, said: str) -> None:
    """Raise AssertionError, with what the machine printed, unless it left a zero in the folder's `exit`."""
    code = (work / "exit").read_text().strip() if (work / "exit").exists() else "none"
    assert code == "0", f"exit {code}\n{said}"


def share(name: str, folder: Path, options: str = "") -> list[str]:
    """Give a folder to the machine by 9p."""
    backend = f"local,id={name},path={folder},security_model=none" + (f",{options}" if options else "")
    return ["-fsdev", backend, "-device", f"virtio-9p-pci,fsdev={name},mount_tag={name}"]
