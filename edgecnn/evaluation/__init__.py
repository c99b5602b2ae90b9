"""Accuracy of a model on labelled images, clean and corrupted; how int8 compares with float."""

__all__ = [
    "confidence",
    "corruption",
    "evaluate",
    "heatmap",
    "held_out",
    "interval",
    "reliability",
    "result",
    "session",
    "verified",
]
