"""The Edge TPU of Coral: devices, operators, and compiling for it."""
