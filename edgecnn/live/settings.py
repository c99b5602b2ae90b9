"""The settings of a live run that can change while it runs."""

from __future__ import annotations

from typing import NamedTuple


class Settings(NamedTuple):
    """The settings in force.

    Attributes
    ----------
    threshold
        Answers with a lower score are unknown; the lowest one of a multi-label model; 0 for never.
    smooth, hold
        See `Smoother`; 0 and 1 for answers that are not smoothed.
    """

    threshold: float = 0.0
    smooth: float = 0.0
    hold: int = 1

    def as_dict(self) -> dict[str, float]:
        """Return them under the names of the status."""
        return self._asdict()
