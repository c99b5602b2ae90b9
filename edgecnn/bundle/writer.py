"""Writes the files of a bundle into a draft's folder; see `edgecnn.bundle.output_folder`."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from edgecnn.bundle.bundle import LABELS
from edgecnn.bundle.manifest import Variant
from edgecnn.bundle.manifest.writing import new_manifest, with_variant
from edgecnn.tflite.file import read_tflite

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from edgecnn.bundle.input_spec import InputSpec
    from edgecnn.bundle.manifest import Manifest


def write_models(
    folder: Path, name: str, title: str, labels: Sequence[str], spec: InputSpec, files: Mapping[str, bytes]
) -> Manifest:
    """Write the variants and the labels; return the manifest, which `Draft.publish` writes."""
    variants = [
        _write(folder, variant, content, read_tflite(content, variant).macs)
        for variant, content in files.items()
    ]
    (folder / LABELS).write_text("".join(f"{label}\n" for label in labels), "utf-8")
    return new_manifest(name, title, labels, spec, variants)


def add_variant(
    folder: Path, manifest: Manifest, name: str, data: bytes, macs: int, **extra: Any
) -> Manifest:
    """Write one more variant into a draft that has all other files of a bundle; return its manifest.

    Parameters
    ----------
    manifest
        The bundle's manifest without it.
    extra
        More keys of the variant's entry, in addition to its file, hash, size and multiplications.
    """
    return with_variant(manifest, _write(folder, name, data, macs), **extra)


def _write(folder: Path, name: str, data: bytes, macs: int) -> Variant:
    (folder / f"{name}.tflite").write_bytes(data)
    return Variant(name, f"{name}.tflite", hashlib.sha256(data).hexdigest(), len(data), macs, None)
