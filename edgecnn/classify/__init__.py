"""From an image to an answer: `Classifier`, `load`, decoding and smoothing of scores."""

__all__ = ["classifier", "golden", "loader", "smooth", "variants"]
