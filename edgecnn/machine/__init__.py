"""The state of this computer: board, processor, load, temperature, memory, energy; child processes."""

__all__ = [
    "board",
    "child_process",
    "condition",
    "cores",
    "energy",
    "forked",
    "memory",
    "priority",
    "processor",
    "program",
    "rpicam",
    "system_files",
    "throttling",
    "versions",
]
