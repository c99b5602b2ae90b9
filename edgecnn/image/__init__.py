"""From the bytes of an image to a model's input tensor, and text drawn on images."""

__all__ = [
    "figure_text",
    "file",
    "folder_walk",
    "framing",
    "header",
    "input",
    "names",
    "paths",
    "preprocess",
    "shrink",
    "snapshot",
    "text_drawing",
    "turns",
    "worker",
]
