"""From few images to a model, on the device and without TensorFlow: a trained trunk, embeddings, a head."""

__all__ = [
    "apart",
    "crossval",
    "curve",
    "efficientnet",
    "embedder",
    "head",
    "judge",
    "learn",
    "lesson",
    "material",
    "photos",
    "prototypes",
    "request",
    "session",
    "suspects",
    "trunk",
    "views",
    "weights",
]
