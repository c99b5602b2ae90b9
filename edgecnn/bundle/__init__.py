"""A model on disk: its manifest, variants, labels and conventions, and how its folder is written."""
