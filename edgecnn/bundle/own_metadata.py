"""What an exported `.tflite` says for edgecnn itself: what TensorFlow Lite's own metadata have no words for.

It is a JSON object in the metadata called `edgecnn`: how images are cut, shrunk and coloured, and what scores
mean. So a file that was exported (`exporting.write_own`) answers as its bundle did. Other programs take no
notice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgecnn.bundle.confidence import TEMPERATURES, Confidence
from edgecnn.io.checked_json import JsonError, parse_json
from edgecnn.tflite.names import OWN_METADATA_NAME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.tflite.file import TfliteFile

_MOST_BYTES = 4096


def read_own(file: TfliteFile) -> dict[str, Any]:
    """Return what a file says; nothing where it does not, or is damaged. Its values are not checked."""
    content = next((content for name, content in file.notes if name == OWN_METADATA_NAME), b"")
    try:
        said = parse_json(content[:_MOST_BYTES])
    except JsonError:
        return {}
    return said if isinstance(said, dict) else {}


def own_confidence(file: TfliteFile, labels: Sequence[str], otherwise: Confidence) -> Confidence:
    """Return what a file says of its scores, else the other."""
    said = read_own(file)
    temperature, threshold, unknown = (said.get(key) for key in ("temperature", "threshold", "unknown"))
    if not isinstance(temperature, int | float) or not isinstance(threshold, int | float):
        return otherwise
    known = unknown is None or unknown in labels
    if not (known and TEMPERATURES[0] <= temperature <= TEMPERATURES[1] and 0 <= threshold <= 1):
        return otherwise
    return Confidence(temperature, threshold, None if unknown is None else list(labels).index(unknown))
