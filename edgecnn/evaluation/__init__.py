"""Accuracy of a model on labelled images, clean and corrupted; how int8 compares with float."""

__all__ = [
    "confidence",
    "corruption",
    "evaluate",
    "heatmap",
    "interval",
    "reliability",
    "result",
    "session",
    "verified",
]
