"""Accuracy of a model on labelled images, clean and corrupted."""
