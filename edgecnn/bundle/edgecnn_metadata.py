"""The metadata entry `edgecnn` of a `.tflite`: what TensorFlow Lite's own metadata can't express.

It is a JSON object: how images are fitted, resized and colored, and how scores become answers. So a file
outside of its bundle answers as the bundle does. Other programs ignore it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgecnn.bundle.confidence import TEMPERATURES, Confidence
from edgecnn.io.checked_json import JsonError, parse_json
from edgecnn.io.json_text import to_json
from edgecnn.tflite.names import EDGECNN_METADATA_NAME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.bundle.input_spec import InputSpec
    from edgecnn.tflite.file import TfliteFile

_MOST_BYTES = 4096


def read_edgecnn_metadata(file: TfliteFile) -> dict[str, Any]:
    """Return a file's entry, with unchecked values; empty if it has none or a damaged one."""
    content = next((content for name, content in file.notes if name == EDGECNN_METADATA_NAME), b"")
    try:
        found = parse_json(content[:_MOST_BYTES])
    except JsonError:
        return {}
    return found if isinstance(found, dict) else {}


def confidence_inside(file: TfliteFile, labels: Sequence[str], default: Confidence) -> Confidence:
    """Return the confidence in a file's entry; the default if it has none or an impossible one."""
    entry = read_edgecnn_metadata(file)
    temperature, threshold, unknown = (entry.get(key) for key in ("temperature", "threshold", "unknown"))
    if not isinstance(temperature, int | float) or not isinstance(threshold, int | float):
        return default
    known = unknown is None or unknown in labels
    if not (known and TEMPERATURES[0] <= temperature <= TEMPERATURES[1] and 0 <= threshold <= 1):
        return default
    return Confidence(temperature, threshold, None if unknown is None else list(labels).index(unknown))


def write_edgecnn_metadata(
    spec: InputSpec, confidence: Confidence | None = None, labels: Sequence[str] = ()
) -> bytes:
    """Return the entry that `read_edgecnn_metadata` reads."""
    entry: dict[str, Any] = {key: getattr(spec, key) for key in ("fit", "resize", "color", "background")}
    if confidence is not None and confidence != Confidence():
        unknown = None if confidence.background is None else labels[confidence.background]
        entry |= {
            "temperature": confidence.temperature,
            "threshold": confidence.threshold,
            "unknown": unknown,
        }
    return to_json(entry).encode()


def embed_metadata(
    content: bytes,
    spec: InputSpec,
    labels: Sequence[str],
    *,
    title: str,
    description: str,
    licence: str,
    confidence: Confidence | None = None,
) -> bytes:
    """Return a `.tflite` with title, licence, labels, normalization and the entry `edgecnn` inside."""
    from edgecnn.tflite.writer import write_metadata

    return write_metadata(
        content,
        name=title,
        description=description,
        license_text=licence,
        labels=labels,
        color=spec.color,
        value_range=spec.value_range,
        channel_ranges=spec.channel_ranges,
        own=write_edgecnn_metadata(spec, confidence, labels),
    )
