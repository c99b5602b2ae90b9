"""`edgecnn cameras`: list the cameras of this machine and what they offer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgecnn.cli.command import command, make_app
from edgecnn.cli.options.output import PrintJsonOption
from edgecnn.io.json_text import to_json
from edgecnn.io.printable import echo, printable

if TYPE_CHECKING:
    from edgecnn.camera.v4l2 import Size, V4l2Device

app = make_app()

EXAMPLES = ("edgecnn cameras", "edgecnn cameras --json")


@command(app, examples=EXAMPLES)
def cameras(as_json: PrintJsonOption = False) -> None:
    """List the cameras with their formats, sizes and rates."""
    from dataclasses import asdict

    from edgecnn.camera import describe_source, real_cameras
    from edgecnn.camera.v4l2 import describe_device
    from edgecnn.errors import CameraError

    found: list[dict[str, Any]] = []
    for source in real_cameras():
        entry: dict[str, Any] = {"source": source}
        if source.startswith("/dev/"):
            try:
                device = describe_device(source)
                entry |= asdict(device)
                lines = list(_lines(device))
            except CameraError as error:
                entry["error"] = str(error)
                lines = [str(error)]
        else:
            lines = describe_source(source)
            entry["says"] = lines
        found.append(entry)
        if not as_json:
            _print(source, lines)
    if as_json:
        echo(to_json(found, indent=1))
        return
    if not found:
        echo("no camera found (no /dev/video*); `edgecnn live --source synthetic` needs none")
    _print("synthetic", describe_source("synthetic"))


def _print(source: str, lines: list[str]) -> None:
    echo("\n".join([source, *(f"  {printable(line)}" for line in lines)]))


def _lines(device: V4l2Device) -> list[str]:
    """Describe a device: its name, then a line for each format."""
    lines = [f"{device.name} ({device.driver}, {device.bus})"]
    for pixels in device.formats:
        sizes = "; ".join(map(_size, pixels.sizes)) or "sizes unknown"
        lines.append(f"{pixels.code}  {sizes}")
    return lines


def _size(size: Size) -> str:
    upper = f" to {size.up_to[0]}×{size.up_to[1]}" if size.up_to else ""
    rates = ", ".join(f"{rate:g}" for rate in size.rates)
    return f"{size.width}×{size.height}{upper}" + (f" at {rates} fps" if rates else "")
