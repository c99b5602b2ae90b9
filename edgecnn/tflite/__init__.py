"""Reads, checks and writes TensorFlow Lite files as data; never runs one."""

__all__ = ["arena", "builder", "cut", "file", "labels", "names", "quant", "writer"]
