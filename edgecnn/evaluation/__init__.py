"""Accuracy of a model on labelled images, clean and corrupted."""

__all__ = ["corruption", "evaluate", "heatmap", "result", "session"]
