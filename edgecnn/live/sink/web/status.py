"""The status of a run for the page and for Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgecnn.live.stats import RECENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prometheus_client.metrics_core import Metric

    from edgecnn.frame import Result
    from edgecnn.live.stats import Stats


def status_of(result: Result, stats: Stats) -> dict[str, Any]:
    """Return a result as in `live --jsonl`, with the shown answer and the state of the run.

    Call it in the loop's thread, which alone may read `stats`.
    """
    height, width = result.frame.pixels.shape[:2]
    status = result.as_dict() | {
        "shown": result.shown,
        "ranking": [p.as_dict() for p in result.ranking],
        "size": [width, height],
        "seen": list(result.seen) if result.seen else None,
        "age_ms": round(result.age_ms, 3),
        "truth": result.frame.truth,
    }
    return status | {
        "stats": {
            "frames": stats.frames,
            "dropped": stats.dropped,
            "unknown": stats.unknown,
            "known": stats.known,
            "correct": stats.correct,
            "fps": round(stats.rate(), 2),
            "paused": stats.paused,
            "variant": stats.variant,
            "variants": list(stats.variants),
            "latency_ms": {stage: spread.as_dict() for stage, spread in stats.spreads(RECENT).items()},
        },
        "settings": stats.settings.as_dict(),
        "camera": stats.delivery.as_dict(),
        "latency_by_variant": {variant: s.as_dict() for variant, s in stats.totals(RECENT).items()},
    }


class Metrics:
    """The status of each camera as a collector of prometheus-client.

    With several cameras, each metric has the label `camera`, its number.
    """

    def __init__(self, statuses: Sequence[dict[str, Any]]) -> None:
        self._labels = ["camera"] if len(statuses) > 1 else []
        self._told = [([str(n)][: len(self._labels)], status) for n, status in enumerate(statuses) if status]

    def collect(self) -> Iterator[Metric]:
        """Yield each metric with its help; nothing before the first result."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        if not self._told:
            return
        for kind, name, words, key in (
            (CounterMetricFamily, "edgecnn_frames", "Frames that were classified.", "frames"),
            (CounterMetricFamily, "edgecnn_dropped_frames", "Frames that were passed over.", "dropped"),
            (CounterMetricFamily, "edgecnn_unknown_frames", "Frames that got no label.", "unknown"),
            (GaugeMetricFamily, "edgecnn_frames_per_second", "Over the latest 60 frames.", "fps"),
            (GaugeMetricFamily, "edgecnn_paused", "Whether it is paused.", "paused"),
        ):
            metric = kind(name, words, labels=self._labels)
            for camera, status in self._told:
                metric.add_metric(camera, status["stats"][key])
            yield metric
        latency = GaugeMetricFamily(
            "edgecnn_latency_seconds",
            f"Percentiles of the latest {RECENT} frames, by stage.",
            labels=[*self._labels, "stage", "quantile", "variant"],
        )
        answer = GaugeMetricFamily(
            "edgecnn_label", "The label that is shown: 1.", labels=[*self._labels, "label"]
        )
        for camera, status in self._told:
            stats = status["stats"]
            for stage, spread in stats["latency_ms"].items():
                for name, milliseconds in spread.items():
                    quantile = "0" if name == "min" else str(int(name[1:]) / 100)
                    labels = [*camera, stage, quantile, stats["variant"]]
                    latency.add_metric(labels, round(milliseconds / 1e3, 7))
            answer.add_metric([*camera, status["shown"]], 1)
        yield latency
        yield answer
