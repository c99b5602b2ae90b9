"""Reads, checks and writes TensorFlow Lite files as data; never runs one."""
