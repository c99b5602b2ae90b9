"""The state of this computer: board, processor, load, temperature, memory, energy; child processes."""

__all__ = [
    "board",
    "child_process",
    "condition",
    "energy",
    "memory",
    "priority",
    "processor",
    "program",
    "rpicam",
    "system_files",
    "throttling",
    "versions",
]
