"""The running loop, the commands that it obeys, and the sinks that it feeds."""

__all__ = ["loop", "reloader", "sink", "stats"]
