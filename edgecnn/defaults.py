"""The version, and defaults that several rooms share."""

from __future__ import annotations

VERSION = "0.1.0"
DEFAULT_MODEL = "digits"
# Instead of an engine, a variant or a number of threads: the best one here.
AUTO = "auto"
# How many points of accuracy a variant may lose to another.
ALLOWED_DROP = 1.0
# The largest image that is decoded.
MAX_MEGAPIXELS = 200
