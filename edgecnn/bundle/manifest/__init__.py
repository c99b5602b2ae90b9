"""The manifest of a bundle, `bundle.json`: its types in `record`, read in `reading`, written in `writing`."""

from edgecnn.bundle.manifest.reading import MOST_BYTES, MOST_FILE_BYTES, read_manifest
from edgecnn.bundle.manifest.record import (
    COMPILED,
    COUNT,
    FORMAT,
    MANIFEST,
    PATTERN,
    Facts,
    Golden,
    Manifest,
    Variant,
)

__all__ = [
    "COMPILED",
    "COUNT",
    "FORMAT",
    "MANIFEST",
    "MOST_BYTES",
    "MOST_FILE_BYTES",
    "PATTERN",
    "Facts",
    "Golden",
    "Manifest",
    "Variant",
    "read_manifest",
]
