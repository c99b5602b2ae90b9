"""What an exported `.tflite` says for edgecnn itself: what TensorFlow Lite's own metadata have no words for.

It is a JSON object in the metadata called `edgecnn`: how images are cut, shrunk and coloured, and what scores
mean. So a file that was exported answers as its bundle did. Other programs take no notice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgecnn.checked_json import JsonError, parse_json
from edgecnn.confidence import TEMPERATURES, Confidence
from edgecnn.json_text import to_json
from edgecnn.tflite_names import OWN_METADATA_NAME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.convention import InputSpec
    from edgecnn.tflite_file import TfliteFile

_INPUT = ("fit", "resize", "color", "background")
_MOST_BYTES = 4096


def write_own(spec: InputSpec, confidence: Confidence | None = None, labels: Sequence[str] = ()) -> bytes:
    """Return what a file is to say of its input, and of its scores where that is known already."""
    said: dict[str, Any] = {key: getattr(spec, key) for key in _INPUT}
    if confidence is not None and confidence != Confidence():
        unknown = None if confidence.background is None else labels[confidence.background]
        said |= {"temperature": confidence.temperature, "threshold": confidence.threshold, "unknown": unknown}
    return to_json(said).encode()


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
