"""Coral's Edge TPU: its devices and operators, and compiling for it."""

__all__ = ["compiling", "devices", "model_file", "operators", "twin"]
