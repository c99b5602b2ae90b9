"""Writes the files of a bundle into a draft's folder, see `edgecnn.bundle.output_folder`."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from edgecnn.bundle.bundle import FORMAT, LABELS, MANIFEST
from edgecnn.bundle.owned_files import manifest_text
from edgecnn.tflite.file import read_tflite

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from edgecnn.bundle.convention import InputSpec


def write_models(
    folder: Path, name: str, title: str, labels: Sequence[str], spec: InputSpec, files: Mapping[str, bytes]
) -> dict[str, Any]:
    """Write the variants, the labels and a manifest that the runtime can open; return the manifest."""
    variants = {}
    for variant, content in files.items():
        (folder / f"{variant}.tflite").write_bytes(content)
        variants[variant] = {
            "file": f"{variant}.tflite",
            "sha256": hashlib.sha256(content).hexdigest(),
            "bytes": len(content),
            "macs": read_tflite(content, variant).macs,
        }
    (folder / LABELS).write_text("".join(f"{label}\n" for label in labels), "utf-8")
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "name": name,
        "title": title,
        "task": "classification",
        "labels": list(labels),
        "input": {
            "width": spec.width,
            "height": spec.height,
            "color": spec.color,
            "fit": spec.fit,
            "resize": spec.resize,
            "range": [list(r) for r in spec.channel_ranges] or list(spec.value_range),
            **({"layout": spec.layout} if spec.layout != "nhwc" else {}),
            **({"background": spec.background} if spec.background != "white" else {}),
        },
        "variants": variants,
    }
    write_manifest(folder, manifest)
    return manifest


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Write bundle.json; the list of the files is added when the draft is published."""
    (folder / MANIFEST).write_text(manifest_text(manifest), "utf-8")


def add_variant(
    folder: Path, manifest: dict[str, Any], name: str, data: bytes, entry: dict[str, Any]
) -> None:
    """Write one more variant into a draft that has all other files of a bundle, and its manifest.

    Parameters
    ----------
    manifest
        What the bundle's says now.
    entry
        What the manifest is to say of the variant beside its file, hash and size.
    """
    written = {"file": f"{name}.tflite", "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    (folder / f"{name}.tflite").write_bytes(data)
    write_manifest(folder, {**manifest, "variants": {**manifest["variants"], name: {**written, **entry}}})
