"""A token bucket: so many at once, and so many more as time passes."""

from __future__ import annotations

import time

_MOST_CLIENTS = 1000


class Bucket:
    """What is left of an allowance; it fills up as time passes.

    Parameters
    ----------
    most
        How many there may be at once.
    per_s
        How many more there may be each second.
    """

    def __init__(self, most: float, per_s: float) -> None:
        self._most, self._per_s = most, per_s
        self._left, self._since_s = most, time.monotonic()

    def take(self) -> None:
        """Take one, if there is one."""
        self._left = max(0.0, self.left() - 1)

    def left(self) -> float:
        """Return how many there may be now."""
        now_s = time.monotonic()
        self._left = min(self._most, self._left + (now_s - self._since_s) * self._per_s)
        self._since_s = now_s
        return self._left


class Buckets:
    """A bucket for each client; of 1,000 clients, those that were seen last."""

    def __init__(self, most: float, per_s: float) -> None:
        self._most, self._per_s = most, per_s
        self._buckets: dict[str, Bucket] = {}

    def of(self, client: str) -> Bucket:
        """Return a client's bucket."""
        bucket = self._buckets.pop(client, None) or Bucket(self._most, self._per_s)
        self._buckets[client] = bucket
        if len(self._buckets) > _MOST_CLIENTS:
            del self._buckets[next(iter(self._buckets))]
        return bucket
