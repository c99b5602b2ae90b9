"""A token bucket: a burst, refilled at a constant rate."""

from __future__ import annotations

import time

_MOST_CLIENTS = 1000


class Bucket:
    """A remaining allowance, which is refilled as time passes.

    Parameters
    ----------
    most
        The largest burst.
    per_s
        The refill rate per second.
    """

    def __init__(self, most: float, per_s: float) -> None:
        self._most, self._per_s = most, per_s
        self._left, self._since_s = most, time.monotonic()

    def take(self) -> None:
        """Take one, if any remains."""
        self._left = max(0.0, self.left() - 1)

    def left(self) -> float:
        """Return how many remain now."""
        now_s = time.monotonic()
        self._left = min(self._most, self._left + (now_s - self._since_s) * self._per_s)
        self._since_s = now_s
        return self._left


class Buckets:
    """A bucket for each client, for the last 1,000 clients."""

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
