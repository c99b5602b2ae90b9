"""From few images to a model, on the device and without TensorFlow: a trained trunk, embeddings, a head."""

__all__ = ["efficientnet", "learn", "photos", "request", "session", "weights"]
