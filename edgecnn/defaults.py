"""The version, and defaults that several rooms share."""

from __future__ import annotations

VERSION = "0.1.0"
DEFAULT_MODEL = "digits"
# The largest image that is decoded.
MAX_MEGAPIXELS = 200
