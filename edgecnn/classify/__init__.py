"""From an image to an answer: `Classifier`, `load`, decoding and smoothing of scores."""

__all__ = [
    "advice",
    "batch",
    "classifier",
    "fastest",
    "golden",
    "loader",
    "opening",
    "smooth",
    "variants",
    "verdict",
]
