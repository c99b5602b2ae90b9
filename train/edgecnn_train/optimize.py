"""Optimizers and learning-rate schedules by their names in a recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from edgecnn_train.registry import OPTIMIZERS, SCHEDULES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edgecnn_train.recipe import TrainSpec

# What weight decay leaves alone: pulling these towards zero does not make a network simpler.
_NOT_DECAYED = ["bias", "gamma", "beta"]


def optimizer(spec: TrainSpec, steps_per_epoch: int, begun: int = 0) -> Any:
    """Return the recipe's optimizer.

    `gradient_descent` follows the gradient of the whole training split: SGD that accumulates an epoch's
    gradients before each update. Weight decay is decoupled (Loshchilov & Hutter 2019) and leaves biases and
    batch normalization alone. After `begun` epochs of another optimizer, the learning rate continues to fall
    from there, behind a warm-up of its own.
    """
    # Batches per update: Keras' schedules and moving averages count batches.
    every = steps_per_epoch if spec.optimizer == "gradient_descent" else 1
    updates = steps_per_epoch // every
    rate: Any = spec.learning_rate
    if spec.schedule != "constant" or spec.warmup:
        total, warmup = round(spec.epochs * updates), round(spec.warmup * updates)
        rate = Schedule(spec.schedule, spec.learning_rate, total, warmup, every, begun * updates)
    shared: dict[str, Any] = {"use_ema": spec.ema > 0, "ema_momentum": (spec.ema or 0.99) ** (1 / every)}
    if spec.weight_decay:
        shared["weight_decay"] = spec.weight_decay
    if every > 1:
        shared["gradient_accumulation_steps"] = every
    chosen = OPTIMIZERS[spec.optimizer](rate, **shared)
    # Keras does not save this with a model: an optimizer is made again when one is loaded.
    chosen.exclude_from_weight_decay(var_names=_NOT_DECAYED)
    return chosen


def momentum(rate: Any, **shared: Any) -> Any:
    """Return SGD with momentum (Polyak 1964)."""
    return keras.optimizers.SGD(rate, momentum=0.9, **shared)


def nesterov(rate: Any, **shared: Any) -> Any:
    """Return SGD with Nesterov's momentum (1983)."""
    return keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, **shared)


def adamw(rate: Any, **shared: Any) -> Any:
    """Return AdamW (Loshchilov & Hutter 2019), with Keras' weight decay where the recipe has none."""
    return keras.optimizers.AdamW(rate, **({"weight_decay": 0.004} | shared))


def restore(
    chosen: Any, weights: Sequence[Any], state: Sequence[NDArray[Any]], *, count: bool = True
) -> bool:
    """Build an optimizer for these trainable weights and continue from another one's variables.

    If those are of other layers, only the first one is restored, which counts the batches, and not even that
    without `count`. Returns whether all were restored.
    """
    chosen.build(weights)
    fits = [tuple(v.shape) for v in chosen.variables] == [v.shape for v in state]
    for variable, value in list(zip(chosen.variables, state, strict=False))[: None if fits else int(count)]:
        variable.assign(value)
    return fits


@keras.saving.register_keras_serializable("edgecnn")
class Schedule(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """The learning rate over a run of `total` updates, of which the first `warmup` rise linearly.

    `kind` names a row of `SCHEDULES`, which gets t from 0 to 1 over the updates after the warm-up. An update
    takes `every` batches; `begun` updates were another optimizer's.
    """

    def __init__(
        self, kind: str, peak: float, total: int, warmup: int = 0, every: int = 1, begun: int = 0
    ) -> None:
        super().__init__()
        self._kind, self._peak, self._total, self._warmup = kind, peak, total, warmup
        self._every, self._begun = every, begun

    def __call__(self, step: Any) -> Any:
        """Return the rate for the batch number `step`, from 0."""
        ops = keras.ops
        step = ops.floor(ops.cast(step, "float32") / self._every)
        t = ops.clip((step + self._begun - self._warmup) / max(1, self._total - self._warmup), 0.0, 1.0)
        factor = SCHEDULES[self._kind](t)
        ramp = ops.minimum(1.0, (step + 1) / self._warmup) if self._warmup else 1.0
        return self._peak * factor * ramp

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal schedule."""
        return {
            "kind": self._kind,
            "peak": self._peak,
            "total": self._total,
            "warmup": self._warmup,
            "every": self._every,
            "begun": self._begun,
        }


def step(t: Any) -> Any:
    """Return 1, a tenth from 1/2 on and a hundredth from 3/4 on (He et al. 2016)."""
    return keras.ops.where(t < 0.5, 1.0, keras.ops.where(t < 0.75, 0.1, 0.01))


def cosine(t: Any) -> Any:
    """Return (1 + cos πt) / 2 (Loshchilov & Hutter 2017)."""
    return (1 + keras.ops.cos(np.pi * t)) / 2


def one_cycle(t: Any) -> Any:
    """Rise from a 25th over the first 30 %, fall to a millionth, both along a cosine.

    Smith & Topin 2018, without the momentum's cycle.
    """
    rise = 1 - (1 - 1 / 25) * (1 + keras.ops.cos(np.pi * t / 0.3)) / 2
    fall = 1e-6 + (1 - 1e-6) * (1 + keras.ops.cos(np.pi * (t - 0.3) / 0.7)) / 2
    return keras.ops.where(t < 0.3, rise, fall)


OPTIMIZERS.require()
SCHEDULES.require()
