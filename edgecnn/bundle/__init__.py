"""A model on disk: its manifest, variants, labels and conventions, and how its folder is written."""

__all__ = [
    "bare_file",
    "bundle",
    "classifier_file",
    "confidence",
    "convention",
    "edgecnn_metadata",
    "input_spec",
    "manifest",
    "output_folder",
    "owned_files",
    "scores",
    "search",
    "usage",
    "writer",
]
