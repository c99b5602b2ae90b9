"""The running loop, the commands that it obeys, and the sinks that it feeds."""

__all__ = ["loop", "session", "sink", "stats"]
