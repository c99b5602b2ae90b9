"""Speed ratios between candidates: for variants, engines and numbers of threads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from edgecnn.latency import Ratio, ratio_of_medians

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edgecnn.bench.interleaved import Candidate

By = Literal["variant", "engine", "threads"]
# The stages that are compared, where they were measured.
COMPARED = ("inference", "total", "camera")


@dataclass(frozen=True, slots=True)
class Comparison:
    """How many times as fast `one` is as `other`: other's p50 / one's. They differ only in `by`."""

    by: By
    one: Candidate
    other: Candidate
    ratios: dict[str, Ratio]

    @property
    def inference(self) -> Ratio:
        """The ratio of the inference alone."""
        return self.ratios["inference"]

    @property
    def total(self) -> Ratio:
        """The ratio from image to label."""
        return self.ratios["total"]

    @property
    def names(self) -> tuple[str, str]:
        """Both candidates, named by their difference."""
        if self.by == "threads":
            return threads(self.one.threads), threads(self.other.threads)
        return (self.one.variant, self.other.variant) if self.by == "variant" else self._engines

    @property
    def _engines(self) -> tuple[str, str]:
        return self.one.engine, self.other.engine

    @property
    def is_faster(self) -> bool:
        """Whether the whole interval of the inference's ratio lies above one."""
        return self.inference.low > 1

    @property
    def is_slower(self) -> bool:
        """Whether the whole interval lies below one."""
        return self.inference.high < 1

    @property
    def outcome(self) -> str:
        """The result in words."""
        if not self.inference.interval:
            return "not exact: the machine was not quiet"
        if self.is_faster:
            return "faster"
        return "not faster" if self.is_slower else "not measurably faster"

    def without_intervals(self) -> Comparison:
        """Return it without intervals, for a run that was not quiet."""
        return replace(self, ratios={stage: r.without_interval() for stage, r in self.ratios.items()})

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON; `variant`, `engine` and `threads` are those of `one`."""
        return {
            "by": self.by,
            "of": list(self.names),
            "variant": self.one.variant,
            "engine": self.one.engine,
            "threads": self.one.threads,
            **{stage: ratio.as_dict() for stage, ratio in self.ratios.items()},
            "faster": self.is_faster,
        }


def compare_all(candidates: Sequence[Candidate]) -> list[Comparison]:
    """Compare candidates that differ in one thing only.

    The first candidate's variant is compared with each other variant; each further engine, and each further
    number of threads, with the first one.
    """
    lead = candidates[0]
    found = [
        _compare("variant", one, other)
        for one in candidates
        for other in candidates
        if one.variant == lead.variant != other.variant
        and (one.engine, one.threads) == (other.engine, other.threads)
    ]
    found += _with_first("engine", candidates, lambda c: (c.variant, c.threads))
    return found + _with_first("threads", candidates, lambda c: (c.variant, c.engine))


def _with_first(
    by: By, candidates: Sequence[Candidate], alike: Callable[[Candidate], object]
) -> list[Comparison]:
    firsts: dict[object, Candidate] = {}
    return [_compare(by, c, first) for c in candidates if (first := firsts.setdefault(alike(c), c)) is not c]


def _compare(by: By, one: Candidate, other: Candidate) -> Comparison:
    stages = [stage for stage in COMPARED if stage in one.stages]
    ratios = {stage: ratio_of_medians(other.values(stage), one.values(stage)) for stage in stages}
    return Comparison(by, one, other, ratios)


def threads(count: int) -> str:
    """Return a number of threads in words."""
    return f"{count} thread{'s' * (count > 1)}"


def names(candidates: Sequence[Candidate]) -> list[str]:
    """Return each candidate's name in reports; it has the engine where there are several."""
    several = len({c.engine for c in candidates}) > 1
    return [", ".join([c.variant, *([c.engine] if several else []), threads(c.threads)]) for c in candidates]
