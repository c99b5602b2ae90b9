"""The Edge TPU of Coral: devices, operators, and compiling for it."""

__all__ = ["compiling", "devices", "model_file", "operators"]
